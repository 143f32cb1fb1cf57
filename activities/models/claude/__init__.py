"""Claude by Anthropic's SDK: directly, or on a cloud platform."""

from activities.models.claude.client import Claude
from activities.models.claude.platforms import Address

__all__ = ["Address", "Claude"]
