"""YAML that a person or a model wrote."""

import yaml


class NotYaml(Exception):
    """Says in a line why nothing can be read from it."""


def read_yaml(text: str) -> object:
    """Its value. Besides its own errors, the library lets through those of impossible dates, wrong tags and depth."""
    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise NotYaml("its values are nested too deep") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise NotYaml(" ".join(str(error).split())[:600] or type(error).__name__) from error
