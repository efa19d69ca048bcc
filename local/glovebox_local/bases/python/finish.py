"""Runs once inside the base image.

Does what the packages' own scripts would, and leaves no time of day behind.
"""

import compileall
import os
import py_compile
import shutil
from pathlib import Path

NOT_NEEDED = (
    "etc/apt",
    "etc/dpkg",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
)
FILES = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n"
    ),
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def main() -> None:
    os.chdir("/")
    authorities = sorted(Path("usr/share/ca-certificates/mozilla").glob("*.crt"))
    Path("etc/ssl/certs/ca-certificates.crt").write_bytes(
        b"".join(file.read_bytes() for file in authorities)
    )
    for name in NOT_NEEDED:
        shutil.rmtree(name, ignore_errors=True)
    for name, text in FILES.items():
        Path(name).write_text(text)
    Path("usr/bin/python3").symlink_to("python3.11")
    Path("usr/bin/python").symlink_to("python3")
    if not compileall.compile_dir(
        "/usr/lib/python3.11",
        quiet=1,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    ):
        raise SystemExit("compiling the standard library failed")
    Path("finish.py").unlink()


main()
