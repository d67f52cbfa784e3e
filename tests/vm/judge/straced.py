"""The ioctls of a program as `strace -f -y -X raw -e trace=ioctl` saw them, named by the kernel's headers."""

import os
import re
from collections import Counter
from pathlib import Path

HEADERS = Path("/usr/include/libdrm")
NODE = re.compile(r"ioctl\((\d+)<(/dev/[^>]*)>, (0x[0-9a-f]+)")


def names():
    """_IOC_NR of DRM core's and virtio_gpu's requests: {number: name}."""
    core = re.findall(r"^#define DRM_IOCTL_(\w+)\s+DRM_IO\w*\s*\((0x[0-9a-fA-F]+)", (HEADERS / "drm.h").read_text(), re.M)
    own = re.findall(r"^#define DRM_(VIRTGPU_\w+)\s+(0x0[0-9a-f])$", (HEADERS / "virtgpu_drm.h").read_text(), re.M)
    found = {int(number, 16): name for name, number in core}
    found.update({0x40 + int(number, 16): name for name, number in own})
    # Newer than Debian 12's libdrm: include/uapi/drm/virtgpu_drm.h of Linux 5.11 and 5.16.
    return found | {0x4a: "VIRTGPU_RESOURCE_CREATE_BLOB", 0x4b: "VIRTGPU_CONTEXT_INIT"}


def captured():
    """Names of the DRM requests that gpualloc says it records (docs/events.md)."""
    text = (Path(os.environ["SOURCE"]) / "docs/events.md").read_text()
    return {name.upper() for name in re.findall(r"^### `drm:(\w+)`$", text, re.M)}


def ioctls(path):
    """Each finished ioctl on a device node: (path of the node, request, whether it failed)."""
    pending = {}
    for line in open(path):
        pid, text = line.split(None, 1)
        if match := NODE.match(text):
            node, request = match[2], int(match[3], 16)
            if "<unfinished" in text:
                pending[pid] = node, request
                continue
        elif "ioctl resumed" in text and pid in pending:
            node, request = pending.pop(pid)
        else:
            continue
        yield node, request, " = -1 " in text


def requests(path):
    """(requests that we record, requests that we do not) of the nodes in /dev/dri: Counters of (node, name, whether it failed), or
    with the request's number in place of the name."""
    known, ours, others = names(), Counter(), Counter()
    wanted = captured()
    for node, request, failed in ioctls(path):
        name = known.get(request & 0xff)
        if not node.startswith("/dev/dri/"):
            continue
        if name in wanted:
            ours[node, name, failed] += 1
        else:
            others[node, request, failed] += 1
    return ours, others


def node_of(device):
    """A device number of a DRM node as its path."""
    minor = os.minor(device)
    return f"/dev/dri/{'card' if minor < 64 else 'renderD'}{minor}"
