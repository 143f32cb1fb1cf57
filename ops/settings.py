"""Where this installation lives and how it runs: the environment first, then HOME/settings.yaml, then defaults."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from activities.errors import BadInput
from activities.execution.room import MARK_MB
from activities.workspace.yamls import NotYaml, read_yaml
from ops.words import nearest
from schemas.base import Input

VARIABLES = {
    "port": "AIBUILDAI_PORT",
    "ui_port": "AIBUILDAI_UI_PORT",
    "retention_days": "AIBUILDAI_RETENTION_DAYS",
    "model": "AIBUILDAI_MODEL",
    "ui_url": "AIBUILDAI_UI_URL",
    "devices": "AIBUILDAI_DEVICES",
    "low_disk_mb": "AIBUILDAI_LOW_DISK_MB",
}


class Settings(Input):
    """One installation. `port` and `ui_port` are asked for explicitly, so nothing else is taken in their place."""

    home: Path
    port: int | None = Field(None, ge=1, le=65_535)
    ui_port: int | None = Field(None, ge=1, le=65_535)
    retention_days: int = Field(3_650, ge=1, description="how long the embedded server keeps closed runs")
    model: str | None = Field(None, description="the model of runs that name none")
    ui_url: str | None = Field(None, description="the web UI of a Temporal that is not the embedded one")
    devices: str = Field("auto", description="what the embedded worker may lease to jobs")
    low_disk_mb: int = Field(MARK_MB, ge=0, description="runs pause while less is free on disk; 0 turns it off")
    run: dict[str, Any] = Field(default_factory=dict, description="defaults for runs, as `--set` names them")

    @classmethod
    def load(cls, home: Path | None = None, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings in force; BadInput names the variable or key that is wrong."""
        environ = os.environ if environ is None else environ
        folder = (home or Path(environ.get("AIBUILDAI_HOME") or "~/.aibuildai")).expanduser().absolute()
        values = _file(folder / "settings.yaml")
        values.update({key: environ[name] for key, name in VARIABLES.items() if environ.get(name)})
        try:
            return cls.model_validate({**values, "home": folder})
        except ValidationError as error:
            raise BadInput("; ".join(_problem(folder, item["loc"], item["msg"]) for item in error.errors())) from error

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def server_record(self) -> Path:
        return self.home / "server.json"

    def worker_record(self, queue: str) -> Path:
        return self.home / "workers" / f"{queue}.json"


def writable(settings: Settings) -> None:
    """Makes the home folder; BadInput if nothing can be written there."""
    _writable(settings.home, f"the home folder {settings.home}", "set AIBUILDAI_HOME, or --home,")


def writable_playground(folder: Path) -> None:
    """Makes the folder that runs are to go to instead; BadInput if nothing can be written there."""
    _writable(folder, f"--playground-dir {folder}", "set it")


def _writable(folder: Path, name: str, advice: str) -> None:
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise BadInput(f"{name} cannot be written ({error.strerror}): {advice} to a folder that can") from error


def _file(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, NotYaml) as error:
        raise BadInput(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or "home" in content:
        raise BadInput(f"{path}: expected keys such as `retention_days: 365`, and no `home`")
    return content


def _problem(folder: Path, where: tuple[int | str, ...], message: str) -> str:
    key = str(where[0])
    if key not in Settings.model_fields:
        return f"{folder / 'settings.yaml'}: unknown key `{key}`; {nearest(key, set(Settings.model_fields) - {'home'})}"
    return f"{VARIABLES.get(key, key)} (or `{key}` in {folder / 'settings.yaml'}): {message}"
