# SPDX-License-Identifier: Apache-2.0
"""A set is read by hand with age, zstd and sha256sum alone, as its own page says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from day2.adapters.vaults import keys
from tests.unit.backup.by_hand import commands, follow
from tests.unit.backup.stand import SQL, Stand, take

MISSING = [tool for tool in ("age", "age-keygen", "zstd", "sha256sum") if not shutil.which(tool)]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"needs {', '.join(MISSING)}: python -m lab packages, as root"
)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euc", command], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("of", ["identity", "escrow"])
def test_the_commands_of_the_page_give_the_content_back(of: str, stand: Stand) -> None:
    vault = stand.vault()
    content = {"metadata": b"{}", "data-1": SQL}
    found = take(vault, "images-1", content=content)
    folder = vault.folder / "images-1"
    page = (folder / "HOWTO.txt").read_text()
    assert len(commands(page)) == 1 + 2 + 2 + 2 + 1
    text = page.replace("openstack image create", "true openstack image create")
    (folder / "HOWTO.txt").write_text(text)
    sums = (folder / "SHA256SUMS").read_text()
    (folder / "SHA256SUMS").write_text(re.sub(r".*HOWTO.*\n", "", sums))
    follow(folder, place=stand.into, words={"IDENTITY": str(getattr(stand, of))})
    for artefact in found.manifest.artefacts:
        read = (stand.into / "images-1" / f"{artefact.of}.sql").read_bytes()
        assert read == content[artefact.of]


def test_a_set_of_many_files_is_read_by_a_loop(stand: Stand) -> None:
    vault = stand.vault()
    content = {f"data-{number}": SQL[: number * 100] for number in range(12)}
    take(vault, "identity-1", content=content)
    folder = vault.folder / "identity-1"
    assert len(commands((folder / "HOWTO.txt").read_text())) == 1 + 2 + 1 + 1
    follow(folder, place=stand.into, words={"IDENTITY": str(stand.identity)})
    for of, plain in content.items():
        assert (stand.into / "identity-1" / f"{of}.sql").read_bytes() == plain


def test_stock_tools_refuse_what_we_refuse(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    folder = vault.folder / found.manifest.id
    file = folder / "dump.sql.zst.age"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert "FAILED" in run("sha256sum -c SHA256SUMS", folder).stdout
    decrypt = f"age -d -i {stand.identity} -o {stand.into}/out {file.name}"
    assert run(decrypt, folder).returncode != 0
    assert vault.check(found) != ""
    file.write_bytes(whole)
    assert run(decrypt, folder).returncode == 0
    assert run("age-keygen -o stranger.key", stand.folder).returncode == 0
    refused = run(f"age -d -i ../../../stranger.key -o {stand.into}/no {file.name}", folder)
    assert refused.returncode != 0


def test_keys_of_age_keygen_are_ours_and_ours_are_its(stand: Stand) -> None:
    assert run("umask 077; age-keygen -o made.key", stand.folder).returncode == 0
    theirs = keys.identities(str(stand.folder / "made.key"))
    assert run("age-keygen -y made.key", stand.folder).stdout.strip() == str(theirs[0].to_public())
    ours = run(f"age-keygen -y {stand.identity}", stand.folder).stdout.strip()
    assert ours == stand.recipients[0]
