"""A software token for tests: SoftHSM2, started in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from keys.derivation import Secret
from keys.providers.token import TokenPlace

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN = Secret(b"5678 0000 1234")
LABEL = "caregate-test"


def module_path() -> str:
    """Return the token's library, or nothing where SoftHSM2 or python-pkcs11 is not installed."""
    try:
        import pkcs11  # noqa: F401, PLC0415
    except ImportError:
        return ""
    if shutil.which("softhsm2-util") is None:
        return ""
    return next((path for path in MODULES if Path(path).exists()), "")


def start_token(folder: Path, label: str = LABEL) -> TokenPlace:
    """Make a token in a folder; the library reads the folder's name from the environment when it is first loaded."""
    (folder / "tokens").mkdir(exist_ok=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    subprocess.run(
        [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "0000",
            "--pin",
            PIN.reveal().decode(),
        ],
        check=True,
        capture_output=True,
    )
    return TokenPlace(module_path(), label, "root")
