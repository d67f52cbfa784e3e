"""The ioctls of a program as `strace -f -y -X raw -e trace=ioctl` saw them."""

import re
from collections import Counter

# _IOC_NR of the requests that gpualloc records on virtio_gpu, from the kernel's headers.
VIRTIO_GPU = {0x09: "GEM_CLOSE", 0x0a: "GEM_FLINK", 0x0b: "GEM_OPEN", 0x2d: "PRIME_HANDLE_TO_FD", 0x2e: "PRIME_FD_TO_HANDLE",
              0xb2: "MODE_CREATE_DUMB", 0xb3: "MODE_MAP_DUMB", 0xb4: "MODE_DESTROY_DUMB",
              0x41: "VIRTGPU_MAP", 0x44: "VIRTGPU_RESOURCE_CREATE", 0x45: "VIRTGPU_RESOURCE_INFO",
              0x4a: "VIRTGPU_RESOURCE_CREATE_BLOB"}


def requests(path):
    """(requests that we record, requests that we do not): each a Counter of (name or number, whether it failed)."""
    pending, ours, others = {}, Counter(), Counter()
    for line in open(path):
        pid, text = line.split(None, 1)
        if match := re.match(r"ioctl\(\d+</dev/dri/[^>]*>, (0x[0-9a-f]+)", text):
            request = int(match[1], 16)
            if "<unfinished" in text:
                pending[pid] = request
                continue
        elif "ioctl resumed" in text and pid in pending:
            request = pending.pop(pid)
        else:
            continue
        failed = " = -1 " in text
        name = VIRTIO_GPU.get(request & 0xff)
        if name:
            ours[name, failed] += 1
        else:
            others[request, failed] += 1
    return ours, others
