"""What generated code leaves in its folders leads nobody elsewhere: links, archives, rights, pipes."""

import io
import stat
import tarfile
from pathlib import Path

from tests.execution.conftest import Bench, told, with_mount


async def test_a_hard_link_is_no_way_out(bench: Bench) -> None:
    data = bench.root / "view"
    data.mkdir()
    (data / "train.csv").write_text("a\n")
    code = (
        "import os\nfor source in ('/data/train.csv', '/repository/train.py', '/etc/passwd', '/usr/bin/env'):\n"
        "    try:\n        os.link(source, '/out/linked')\n        print('linked', source)\n"
        "    except OSError as error:\n        print(error.strerror)\n"
    )
    assert (await bench.run(with_mount(bench.step(code), data, "/data"))).phase == "done"
    assert "linked" not in bench.jobs.log("tuner.1.1.j1")
    assert (data / "train.csv").stat().st_nlink == 1


def crafted(path: Path, target: Path) -> None:
    """An archive whose members lead out: upwards, by absolute names, through a link, and as a hard link."""

    def member(name: str, **given: object) -> tarfile.TarInfo:
        made = tarfile.TarInfo(name)
        for key, value in given.items():
            setattr(made, key, value)
        return made

    with tarfile.open(path, "w") as archive:
        text = b"overwritten"
        for name in ("../../../../../../" + str(target), str(target)):
            archive.addfile(member(name, size=len(text)), io.BytesIO(text))
        archive.addfile(member("link", type=tarfile.SYMTYPE, linkname=str(target.parent)))
        archive.addfile(member(f"link/{target.name}", size=len(text)), io.BytesIO(text))
        archive.addfile(member("hard", type=tarfile.LNKTYPE, linkname=str(target)))
        archive.addfile(member("device", type=tarfile.BLKTYPE, devmajor=8, devminor=0))


async def test_a_crafted_archive_in_the_data_unpacks_to_nowhere_else(bench: Bench) -> None:
    view, target = bench.root / "view", bench.root / "outside" / "labels.csv"
    for folder in (view, target.parent):
        folder.mkdir()
    target.write_text("1\n")
    crafted(view / "images.tar", target)
    code = (
        "import os, tarfile\nos.makedirs('/out/unpacked')\narchive = tarfile.open('/data/images.tar')\n"
        "for member in archive:\n    try:\n        archive.extract(member, '/out/unpacked', filter='fully_trusted')\n"
        "    except (OSError, KeyError):\n        pass\n"
    )
    assert (await bench.run(with_mount(bench.step(code), view, "/data"))).phase == "done"
    assert target.read_text() == "1\n"
    assert [path.name for path in target.parent.iterdir()] == ["labels.csv"]
    left = [path for path in bench.out.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
    assert left == []


async def test_links_that_lead_elsewhere_are_removed_before_anyone_follows_them(bench: Bench) -> None:
    secret = bench.root / "labels.csv"
    secret.write_text("secret")
    code = (
        "import os, sys\nos.makedirs('/out/model/best')\nopen('/out/model/best/w', 'w').write('w')\n"
        "os.symlink('/out/model/best', '/out/model/last')\nos.symlink('best', '/out/model/same')\n"
        "os.symlink(sys.argv[1], '/out/predictions.csv')\nos.symlink('../..', '/out/up')\nos.mkfifo('/out/pipe')\n"
    )
    step = bench.step(code, argv=("python", "train.py", str(secret)), expect=(str(bench.out / "predictions.csv"),))
    state = await bench.run(step)
    assert state.problem == "it ended without an error, but did not write /out/predictions.csv"
    assert (bench.out / "model" / "last" / "w").read_text() == (bench.out / "model" / "same" / "w").read_text() == "w"
    assert sorted(path.name for path in bench.out.iterdir()) == ["model"]
    assert "removed the link /out/up" in bench.jobs.log("tuner.1.1.j1")


async def test_a_link_made_after_the_first_look_is_gone_too(bench: Bench) -> None:
    """Folders replaced by links, links to links, and links into other mounts of the step."""
    secret = bench.root / "labels"
    secret.mkdir()
    (secret / "labels.csv").write_text("1\n")
    code = (
        "import os, sys\nos.mkdir('/out/model')\nos.rmdir('/out/model')\nos.symlink(sys.argv[1], '/out/model')\n"
        "os.symlink('model', '/out/again')\nos.symlink('/repository', '/out/code')\nos.symlink('loop', '/out/loop')\n"
    )
    await told(bench, code, argument=str(secret))
    assert list(bench.out.iterdir()) == []
    assert (secret / "labels.csv").read_text() == "1\n"


async def test_what_it_leaves_lends_nobody_its_owners_rights_and_can_be_read(bench: Bench) -> None:
    code = (
        "import os\nos.makedirs('/out/a/b')\n"
        "for name, mode in (('tool', 0o6755), ('a/hidden', 0o000), ('a/b/plain', 0o640)):\n"
        "    open('/out/' + name, 'w').write('x')\n    os.chmod('/out/' + name, mode)\nos.chmod('/out/a', 0)\n"
    )
    await told(bench, code)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bench.out.rglob("*") if path.is_file()}
    assert modes == {"tool": 0o755, "hidden": 0o600, "plain": 0o640}
