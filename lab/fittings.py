# SPDX-License-Identifier: Apache-2.0
"""The two things that the lab changes inside the services' virtualenv."""

from pathlib import Path

DRIVER = Path(__file__).parent / "files" / "labdrv.py"
MESSAGING = "oslo_messaging/_drivers/amqpdriver.py"
SLOW, QUICK = "                time.sleep(0.5)\n", "                time.sleep(0.01)\n"


def fit(venv: Path) -> None:
    """Install the compute driver and shorten the wait for replies; does nothing when done.

    A caller of oslo.messaging looks for its reply every half second (a way round a deadlock under
    eventlet, launchpad bug 2035113). With answers that take milliseconds that was nearly all of a
    live migration's 24 seconds: some forty calls to the conductor, one after another.

    Raises:
        RuntimeError: when oslo.messaging no longer reads as expected.

    """
    packages = next(venv.glob("lib/python3.*/site-packages"))
    # nova loads drivers only from its own package.
    _write(packages / "nova" / "virt" / DRIVER.name, DRIVER.read_text())
    messaging = packages / MESSAGING
    text = messaging.read_text()
    if QUICK not in text and text.count(SLOW) != 1:
        message = f"{MESSAGING} waits for replies in another way now: look at it again"
        raise RuntimeError(message)
    _write(messaging, text.replace(SLOW, QUICK))


def _write(file: Path, text: str) -> None:
    """Replace rather than change: installers link files from a cache that others share."""
    if file.exists() and file.read_text() == text:
        return
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)
