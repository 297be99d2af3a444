"""Check for the system packages that `make demo` and `make test` need, and install them if permitted.

    python3 tools/release/system_packages.py demo|test

Runs before anything is installed, so it needs nothing but Python. Where a library is missing and this user may not
install it, one line names the packages.
"""

import ctypes
import shutil
import subprocess
import sys

# Debian package -> what shows that it is there: a library to load, or a command to find.
NEEDED = {
    "demo": {
        "libegl1": "libEGL.so.1",
        "libgl1": "libGL.so.1",
        "libgl1-mesa-dri": "",
        "libglib2.0-0": "libglib-2.0.so.0",
    },
    "test": {
        "libportaudio2": "libportaudio.so.2",
        "pulseaudio": "pulseaudio",
        "pulseaudio-utils": "pactl",
        "libasound2-plugins": "",
        "xvfb": "Xvfb",
        "xauth": "xauth",  # xvfb-run calls it
        "fonts-dejavu-core": "",  # has joined Arabic letters
        "xdotool": "xdotool",
        "x11-utils": "xprop",
        "libfaketime": "",
        "openbox": "openbox",  # without a window manager no window fills the screen
        "mosquitto": "mosquitto",
        "jackd2": "jackd",  # MIDI ports where the kernel has no sequencer
    },
}


def installed_by_dpkg(package: str) -> bool:
    """Whether dpkg, where there is one, lists `package`."""
    if shutil.which("dpkg-query") is None:
        return True  # another system: the libraries speak for themselves
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True, check=False
    )
    return "install ok installed" in shown.stdout


def is_installed(package: str, sign: str) -> bool:
    """Whether what `package` brings can be used."""
    if not sign:
        return installed_by_dpkg(package)
    if ".so" not in sign:
        return shutil.which(sign) is not None or shutil.which(sign, path="/usr/sbin") is not None
    try:
        ctypes.CDLL(sign)
    except OSError:
        return False
    return True


def main() -> int:
    """Install the missing packages, or print their names."""
    needed = dict(NEEDED["demo"])
    if sys.argv[1:] == ["test"]:
        needed |= NEEDED["test"]
    missing = [package for package, sign in needed.items() if not is_installed(package, sign)]
    if not missing:
        return 0
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    as_root = [] if shutil.which("id") and subprocess.getoutput("id -u") == "0" else ["sudo", "-n"]
    if shutil.which("apt-get") and (not as_root or shutil.which("sudo")):
        print(f"installing {', '.join(missing)}")
        subprocess.run([*as_root, "apt-get", "update", "-q"], check=False, stdout=subprocess.DEVNULL)
        done = subprocess.run([*as_root, *install], check=False, stdout=subprocess.DEVNULL)
        if done.returncode == 0:
            return 0
    print(f"these system packages are missing: sudo apt-get install {' '.join(missing)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
