#!/usr/bin/env python3
"""report-recompute.py LIST REPORT: recomputes each figure of `gpualloc report --json` from `gpualloc list --format jsonl --events`
of the same trace, by the rules of docs/report-json.md and with no code of gpualloc's. Exit status 1 and one line a difference.

An analysis has its own class below: a new one in analyzer/analyses needs a new one here, or the run fails.
"""
import collections
import json
import sys

LOST_AFTER_NS = 10 * 10**9
PAST_SIZES = 4096
CREATE_RESOURCE, STANDARD_ALLOCATION = 1, 1 << 16

# What DRM requests do: (kind, handle, size, factor). From the kernel's interface, not from common/schema.
DRM = {
    "mode_create_dumb": ("create", "handle", "size", None, "returned"),
    "mode_destroy_dumb": ("destroy", "handle"),
    "gem_close": ("destroy", "handle"),
    "gem_open": ("import", "handle", "size", None, "returned"),
    "gem_flink": ("export", "handle"),
    "prime_handle_to_fd": ("export", "handle"),
    "prime_fd_to_handle": ("import", "handle"),
    "amdgpu_gem_create": ("create", "out.handle", "in.bo_size", None, "requested"),
    "msm_gem_new": ("create", "handle", "size", None, "requested"),
    "nouveau_gem_new": ("create", "info.handle", "info.size", None, "returned"),
    "panthor_bo_create": ("create", "handle", "size", None, "returned"),
    "xe_gem_create": ("create", "handle", "size", None, "requested"),
    "qxl_alloc": ("create", "handle", "size", None, "requested"),
    "qxl_alloc_surf": ("create", "handle", "stride", "height", "computed"),
    "radeon_gem_create": ("create", "handle", "size", None, "returned"),
    "virtgpu_resource_create": ("create", "bo_handle", "size", None, "requested"),
    "virtgpu_resource_create_blob": ("create", "bo_handle", "size", None, "requested"),
}

DRM.update({name: ("use", "handle") for name in (
    "mode_map_dumb", "virtgpu_map", "qxl_map", "qxl_update_area", *("radeon_gem_" + name for name in (
        "mmap", "pread", "pwrite", "set_domain", "wait_idle", "busy", "set_tiling", "get_tiling", "op", "va")),
    "amdgpu_gem_va", "msm_gem_info")})


def member(call, name):
    """The value after the call: NAME_out where it is told, else NAME. in, out and what else the structure has in it is looked into."""
    *within, name = name.split(".")
    for part in within:
        call = call[part]
    return call.get(name + "_out", call.get(name, 0))


def failed(call):
    if call["layer"] == "ioctl" and call["ret"] == -1:
        return True
    return "status" in call and call["status"] >= 1 << 31


def decode(hexadecimal):
    """Size from softgpu's private data: 'SGPU', flags, size (64 bits at 8), 32 bytes at least."""
    data = bytes.fromhex(hexadecimal or "")
    if len(data) >= 32 and data[:4] == b"SGPU":
        return int.from_bytes(data[8:16], "little")
    return 0


class Thing:
    """An object behind a handle; allocations have the figures of a life."""

    def __init__(self, kind, scope, handle, born, owner):
        self.kind, self.scope, self.handle, self.born, self.owner = kind, scope, handle, born, owner
        self.owned, self.alive, self.given, self.renewed = [], True, None, born
        self.luid = self.surface = self.opens = self.size = 0
        self.origin, self.imported, self.memory = "unknown", False, None
        if owner:
            owner.owned.append(self)


class Memory:
    def __init__(self, maker):
        self.maker, self.handles, self.dma_buf, self.name = maker, 0, 0, None
        self.exported = maker.imported


class Lives:
    """Follows the lives; tells each observer of births and deaths. learnt: what an earlier pass found in late and late_names, sizes
    (with their origins) and names that were told after birth, by the order of births."""

    def __init__(self, observers, learnt):
        self.observers = observers
        self.generations = collections.defaultdict(list)  # (space, scope, handle): oldest first
        self.scopes, self.dma_bufs, self.names = {}, {}, {}
        self.holders, self.past, self.nested = {}, collections.OrderedDict(), {}
        self.ids, self.learnt, self.late = 0, learnt, {}
        self.late_names = {}
        self.locks = {}

    # objects
    @staticmethod
    def space(kind):
        return "adapter" if kind == "adapter" else "other"

    def find(self, kind, scope, handle, ns):
        for thing in reversed(self.generations[self.space(kind), scope, handle]):
            if thing.born <= ns and thing.kind == kind:
                return thing
        return None

    def newest(self, kind, scope, handle):
        things = self.generations[self.space(kind), scope, handle]
        return things[-1] if things else None

    def scope(self, scope):
        return self.scopes.setdefault(scope, Thing("scope", scope, 0, float("-inf"), None))

    def add(self, kind, scope, handle, born, owner):
        thing = Thing(kind, scope, handle, born, owner)
        things = self.generations[self.space(kind), scope, handle]
        place = len(things)
        while place and things[place - 1].born > born:
            place -= 1
        things.insert(place, thing)
        if place + 1 < len(things):
            thing.given = things[place + 1].born
        if place:
            things[place - 1].given = born
        return thing

    def lost(self, newest):
        things = self.generations[self.space(newest.kind), newest.scope, newest.handle]
        owners, owner = [], newest.owner
        while owner:
            owners, owner = owners + [owner], owner.owner
        for thing in list(reversed(things[:things.index(newest)])):
            if thing in things and thing not in owners and thing.born != float("-inf") and \
                    thing.given < newest.born - LOST_AFTER_NS:
                self.end(thing, "lost", thing.given)

    def end(self, thing, how, ns):
        for child in list(reversed(thing.owned)):
            self.end(child, how, ns)
        if thing.kind == "scope":
            self.scopes.pop(thing.scope, None)
            return
        self.generations[self.space(thing.kind), thing.scope, thing.handle].remove(thing)
        if thing.owner:
            thing.owner.owned.remove(thing)
        if thing.kind != "allocation":
            return
        if how == "alive" and thing.given is not None:
            how, ns = "lost", thing.given
        thing.died = max(ns, thing.born)
        memory = thing.memory
        memory.handles -= 1
        for observer in self.observers:
            observer.died(thing, how)
            if memory.handles == 0 and how != "alive":
                observer.gone_at = observer.ending(thing, how)[1]
                observer.memory_gone(memory.maker)
        if memory.handles == 0:
            if memory.dma_buf and memory.maker.origin != "unknown":
                self.past[memory.dma_buf] = memory.maker.size
                while len(self.past) > PAST_SIZES:
                    self.past.popitem(last=False)
            if self.dma_bufs.get(memory.dma_buf) is memory:
                del self.dma_bufs[memory.dma_buf]
            if self.names.get(memory.name) is memory:
                del self.names[memory.name]

    def born(self, thing, call, memory=None):
        thing.call, thing.id = call, self.ids
        self.ids += 1
        sizes, names = self.learnt
        thing.name = names.get(thing.id)
        if thing.origin == "unknown":
            thing.size, thing.origin = sizes.get(thing.id, (0, "unknown"))
        thing.memory = memory or Memory(thing)
        if memory and memory.maker is not thing and thing.origin == "unknown" and memory.maker.origin != "unknown":
            thing.size, thing.origin = memory.maker.size, "imported"
        thing.memory.handles += 1
        for observer in self.observers:
            observer.born(thing)
        self.lost(thing)

    def learn(self, process, handle, begin, size, origin):
        thing = self.find("allocation", process, handle, begin) if handle and 0 < size < 1 << 64 else None
        if not thing or thing.origin not in ("unknown", "mapped", "locked"):
            return
        old_size, old_origin = self.late.get(thing.id, (0, "unknown"))
        ranks = {"unknown": 0, "mapped": 1, "locked": 2}
        if ranks[origin] > ranks[old_origin] or (origin == old_origin == "mapped" and size > old_size):
            self.late[thing.id] = size, origin

    def learn_mapped(self, process, handle, begin, offset, size, unit):
        if size:
            self.learn(process, handle, begin, (offset + size) * unit, "mapped")

    # d3dkmt
    def owner(self, kind, process, handle, begin, above=None):
        return (self.find(kind, process, handle, begin) or
                self.add(kind, process, handle, float("-inf"), above or self.scope(process)))

    def create_allocation(self, call, begin, end):
        process, flags = call["process"], call["Flags"]
        device = owner = self.owner("device", process, call["hDevice"], begin)
        new = flags & CREATE_RESOURCE
        resource = call["hResource_out"] if new else call["hResource"]
        surface = call["hPrivateRuntimeResourceHandle"]
        if resource:
            if new:
                owner = self.add("resource", process, resource, end, device)
            else:
                owner = self.owner("resource", process, resource, begin, device)
            owner.surface = owner.surface or surface
            surface = surface or owner.surface
            if new:
                self.lost(owner)
        for element in call["allocations"] or []:
            if not element or not element.get("hAllocation"):
                continue
            thing = self.add("allocation", process, element["hAllocation"], end, owner)
            thing.surface, thing.device = surface, ("adapter_luid", device.luid)
            if flags & STANDARD_ALLOCATION:
                thing.size = ((call.get("pStandardAllocation") or {}).get("ExistingHeapData") or {}).get("Size", 0)
                thing.origin = "standard" if thing.size else "unknown"
            else:
                thing.size = decode(element.get("pPrivateDriverData"))
                thing.origin = "decoded" if thing.size else "unknown"
            self.born(thing, call)

    def destroy(self, kind, scope, handle, begin, how):
        thing = self.find(kind, scope, handle, begin)
        if not thing:
            if how == "freed":
                for observer in self.observers:
                    observer.stranger()
        elif thing.renewed <= begin:
            self.end(thing, how, begin)

    def open_adapter(self, process, info, end):
        handle, luid = info["hAdapter"], info["AdapterLuid"]
        luid = (luid["HighPart"] & 0xffffffff) << 32 | luid["LowPart"]
        if not handle:
            return
        thing = self.newest("adapter", process, handle)
        if not thing or thing.luid != luid:
            thing = self.add("adapter", process, handle, end, self.scope(process))
            thing.luid = luid
        thing.opens += 1

    def close_adapter(self, process, handle, begin):
        thing = self.find("adapter", process, handle, begin)
        if not thing:
            return
        thing.opens -= 1
        if thing.opens:
            return
        others = [o for o in self.scope(process).owned if o.kind == "adapter" and o is not thing and o.luid == thing.luid]
        if others:
            for child in thing.owned:
                child.owner = others[-1]
            others[-1].owned += thing.owned
            thing.owned = []
        self.end(thing, "with_owner", begin)

    def d3dkmt(self, name, call, begin, end):
        process = call["process"]
        if name == "create_allocation":
            self.create_allocation(call, begin, end)
        elif name == "destroy_allocation" and call["hResource"]:
            self.destroy("resource", process, call["hResource"], begin, "freed")
        elif name == "destroy_allocation":
            for handle in call["phAllocationList"] or []:
                self.destroy("allocation", process, handle, begin, "freed")
        elif name == "create_device":
            adapter = self.find("adapter", process, call["hAdapter"], begin)
            thing = self.add("device", process, call["hDevice"], end, adapter or self.scope(process))
            thing.luid = adapter.luid if adapter else 0
            self.lost(thing)
        elif name == "destroy_device":
            self.destroy("device", process, call["hDevice"], begin, "with_owner")
        elif name == "open_adapter_from_luid":
            self.open_adapter(process, call, end)
        elif name in ("enum_adapters2", "enum_adapters3"):
            for info in call["pAdapters"] or []:
                self.open_adapter(process, info, end)
        elif name == "close_adapter":
            self.close_adapter(process, call["hAdapter"], begin)
        elif name in ("open_resource", "open_resource_from_nt_handle"):
            device = owner = self.owner("device", process, call["hDevice"], begin)
            if call["hResource"]:
                owner = self.add("resource", process, call["hResource"], end, device)
                self.lost(owner)
            for element in call["allocations"] or []:
                if element and element.get("hAllocation"):
                    thing = self.add("allocation", process, element["hAllocation"], end, owner)
                    thing.imported, thing.device = True, ("adapter_luid", device.luid)
                    self.born(thing, call)
        elif name == "share_objects":
            for handle in call["ObjectHandleArray"] or []:
                resource = self.find("resource", process, handle, begin)
                for thing in (resource.owned if resource else []):
                    if thing.kind == "allocation":
                        self.shared(thing)
        elif name == "lock2":
            self.locks[process, call["hAllocation"], call["pData"]] = begin
        elif name == "map_gpu_virtual_address":
            self.learn_mapped(process, call["hAllocation"], begin, call["OffsetInPages"], call["SizeInPages"], 4096)
        elif name == "update_gpu_virtual_address":
            for operation in call["Operations"] or []:
                part = (operation or {}).get("Map") or (operation or {}).get("MapProtect")
                if part:
                    self.learn_mapped(process, part["hAllocation"], begin, part["AllocationOffsetInBytes"],
                                      part["AllocationSizeInBytes"], 1)

    # drm
    def drm(self, name, call, begin, end):
        kind, file = DRM.get(name, ("none",))[0], call["file"]
        if kind == "none":
            return
        handle = member(call, DRM[name][1])
        if not handle:
            return
        if kind == "destroy":
            self.destroy("allocation", file, handle, begin, "freed")
        elif kind == "use":
            thing = self.find("allocation", file, handle, begin)
            if thing:
                self.used(thing, call)
        elif kind == "export":
            thing = self.find("allocation", file, handle, begin)
            if thing:
                self.export(thing, call)
                self.used(thing, call)
        elif kind == "import" and name != "gem_open":
            dma_buf = call.get("dma_buf", 0)
            thing = self.newest("allocation", file, handle)
            if thing and thing.given is None and (not dma_buf or thing.dma_buf == dma_buf):
                thing.renewed = max(thing.renewed, end)
                self.used(thing, call)
            else:
                self.drm_born(name, call, handle, end, self.dma_bufs.get(dma_buf), dma_buf)
        elif kind == "import":
            memory = self.names.get((call["device"], call["name"]))
            self.drm_born(name, call, handle, end, memory, memory.dma_buf if memory else 0)
        else:
            self.drm_born(name, call, handle, end, None, 0)

    def used(self, thing, call):
        for observer in self.observers:
            observer.used(thing, call)

    def export(self, thing, call):
        if call.get("dma_buf"):
            thing.dma_buf = call["dma_buf"]
            if thing.memory.dma_buf != call["dma_buf"] and self.dma_bufs.get(thing.memory.dma_buf) is thing.memory:
                del self.dma_bufs[thing.memory.dma_buf]
            thing.memory.dma_buf = call["dma_buf"]
            self.dma_bufs[call["dma_buf"]] = thing.memory
        if not call.get("name"):
            self.shared(thing)
        else:
            thing.memory.name = (call["device"], call["name"])
            self.names[thing.memory.name] = thing.memory

    def shared(self, thing):
        thing.memory.exported = True
        for observer in self.observers:
            observer.exported(thing.memory)

    def drm_born(self, name, call, handle, end, memory, dma_buf):
        rule, file = DRM[name], call["file"]
        thing = self.add("allocation", file, handle, end, self.scope(file))
        thing.device, thing.dma_buf, thing.imported = ("device", call["device"]), dma_buf, rule[0] == "import"
        if len(rule) > 2:
            size = abs(member(call, rule[2])) * (member(call, rule[3]) if rule[3] else 1)
            thing.size, thing.origin = (size, rule[4]) if 0 < size < 1 << 64 else (0, "unknown")
        if not memory and thing.origin == "unknown" and dma_buf in self.past:
            thing.size, thing.origin = self.past[dma_buf], "imported"
        if not memory:
            memory = Memory(thing)
            if dma_buf:
                memory.dma_buf, self.dma_bufs[dma_buf] = dma_buf, memory
            if name == "gem_open":
                memory.name = call["device"], call["name"]
                self.names[memory.name] = memory
        self.born(thing, call, memory)

    # files
    def event(self, name, event):
        file, process = event.get("file"), event.get("process")
        if name == "file":
            if event["driver"] in ("dxg", "softgpu"):
                self.holders.setdefault((file, process), process)
            elif not any(key[0] == file for key in self.holders):
                self.holders[file, process] = file
        elif name == "annotate_name" and event["kind"] in (2, 3):
            memory = self.dma_bufs.get(event["dma_buf"])
            thing = (memory and memory.maker) if event["kind"] == 3 else self.find("allocation", file, event["handle"], event["ts"])
            if thing:
                self.late_names[thing.id] = event["name"] or None
        elif name == "lock_extent":
            begin = self.locks.get((process, event["hAllocation"], event["pData"]), event["ts"])
            self.learn(process, event["hAllocation"], begin, event["size"], "locked")
        elif name == "file_closed":
            scope = self.holders.pop((file, process), None)
            if scope is not None and scope not in self.holders.values() and scope in self.scopes:
                self.end(self.scopes[scope], "closed", event["ts"])

    def call(self, call):
        provider, name = call["event"].split(":")
        begin, end = call["ts"], call["ts"] + call["duration_ns"]
        self.current = call
        if provider == "drm":
            self.holders.setdefault((call["file"], call["process"]), call["file"])
        thread, marks = (call["process"], call["thread"]), call.get("marks", [])
        inner = self.nested.pop(thread, None)
        around = inner and inner["event"] == call["event"] and inner["ts"] >= begin and inner["ts"] + inner["duration_ns"] <= end
        if "nested" in marks and not failed(call):
            self.nested[thread] = call
        if around or failed(call) or "unreadable" in marks:
            return
        (self.d3dkmt if provider == "d3dkmt" else self.drm)(name, call, begin, end)

    def finish(self, ns):
        for scope in list(self.scopes.values()):
            self.end(scope, "alive", ns)


ENDS = ("alive", "freed", "with_owner", "closed", "lost")


class Group:
    def __init__(self):
        self.made = self.imported = self.imported_at_end = self.bytes_made = 0
        self.live = self.live_bytes = self.live_unknown = self.peak = 0
        self.peak_ts = None
        self.origins, self.lifetimes = collections.Counter(), []
        self.origin_bytes, self.live_bounds = collections.Counter(), 0
        self.ends = {how: [0, 0, 0, 0] for how in ENDS}

    def born(self, thing):
        if thing.imported:
            self.imported += 1
            return
        self.made += 1
        self.live += 1
        self.origins[thing.origin] += 1
        if thing.origin == "unknown":
            self.live_unknown += 1
            return
        self.bytes_made += thing.size
        self.live_bytes += thing.size
        self.origin_bytes[thing.origin] += thing.size
        self.live_bounds += thing.origin == "mapped"
        if self.live_bytes > self.peak:
            self.peak, self.peak_ts = self.live_bytes, thing.born

    def died(self, thing, how):
        if thing.imported:
            self.imported_at_end += how == "alive"
            return
        end = self.ends[how]
        end[0] += 1
        end[1] += 0 if thing.origin == "unknown" else thing.size
        end[2] += thing.origin == "unknown"
        end[3] += thing.origin == "mapped"
        if how not in ("alive", "lost"):
            self.lifetimes.append(thing.died - thing.born)

    def memory_gone(self, maker):
        if maker.imported:
            return
        self.live -= 1
        if maker.origin == "unknown":
            self.live_unknown -= 1
        else:
            self.live_bytes -= maker.size
            self.live_bounds -= maker.origin == "mapped"

    def figures(self):
        unknown = self.origins["unknown"]

        def known(value, count, without):
            return None if count and count == without else value
        out = {"made": self.made, "imported": self.imported, "imported_at_end": self.imported_at_end, "unknown_size": unknown,
               "bytes_made": known(self.bytes_made, self.made, unknown), "peak_bytes": known(self.peak, self.made, unknown),
               "at_end": self.live, "at_end_unknown_size": self.live_unknown,
               "at_end_bytes": known(self.live_bytes, self.live, self.live_unknown),
               "lifetime_ns": percentiles(self.lifetimes, count=True),
               "ends": {how: {"count": c, "bytes": known(b, c, u), "unknown_size": u, "lower_bounds": l}
                        for how, (c, b, u, l) in self.ends.items()},
               "lower_bounds": self.origins["mapped"], "at_end_lower_bounds": self.live_bounds,
               "size_origin_bytes": dict(self.origin_bytes),
               "size_origins": {origin: count for origin, count in self.origins.items() if count}}
        if self.peak:
            out["peak_ts"] = self.peak_ts
        return out


class Near(float):
    """A percentile: right within 0.8 %."""

    def agrees(self, value):
        return isinstance(value, int) and abs(value - self) <= self * 0.008 + 1e-9


def percentiles(values, count=False, total=False):
    values = sorted(values)
    out = {"count": len(values)} if count else {}
    if values:
        rank = {p: -(-len(values) * p // 1000) for p in (500, 900, 990)}
        out.update({"p%d" % (p // 10): Near(values[rank[p] - 1]) for p in rank}, max=values[-1])
    if total:
        out["sum"] = sum(values)
    return out


class Observer:
    lives = None

    def ending(self, thing, how):
        """The call that ended it, or None; and when its bytes were gone."""
        call = self.lives.current if how in ("freed", "with_owner") else None
        return call, call["ts"] + call["duration_ns"] if call else thing.died

    def call(self, call):
        pass

    def event(self, name, event):
        pass

    def born(self, thing):
        pass

    def died(self, thing, how):
        pass

    def memory_gone(self, maker):
        pass

    def used(self, thing, call):
        pass

    def exported(self, memory):
        pass

    def stranger(self):
        pass


class Grouped(Observer):
    def __init__(self):
        self.groups = collections.defaultdict(Group)

    def wants(self, thing):
        return True

    def born(self, thing):
        if self.wants(thing):
            self.groups[self.key(thing)].born(thing)

    def died(self, thing, how):
        if not self.wants(thing):
            return
        self.groups[self.key(thing)].died(thing, how)

    def memory_gone(self, maker):
        if self.wants(maker):
            self.groups[self.key(maker)].memory_gone(maker)

    def check(self, report):
        """report: a list of objects, one a group."""
        differences, seen = [], set()
        for entry in report:
            key = self.key_of(entry)
            seen.add(key)
            if key not in self.groups:
                differences.append(f"{key}: not in the list")
                continue
            names = self.name(key)
            differences += compare({**names, **self.groups[key].figures()}, entry, str(key), spare={"name"})
        return differences + [f"{key}: not in the report" for key in self.groups if key not in seen]


class Surface(Grouped):
    """Those of D3DKMT, with the names that were told of them; named buffers of DRM, those of one name together."""

    def __init__(self):
        super().__init__()
        self.names = {}

    def event(self, name, event):
        if name == "annotate_name" and event["kind"] == 1 and event["name"]:
            key = event["handle"], event["process"]
            last, changes = self.names.get(key, (None, -1))
            if event["name"] != last:
                self.names[key] = event["name"], changes + 1

    def wants(self, thing):
        return thing.call["event"].startswith("d3dkmt:") or thing.name

    def key(self, thing):
        if thing.call["event"].startswith("d3dkmt:"):
            return thing.surface, thing.scope
        return "named", thing.name, thing.call["process"]

    def key_of(self, entry):
        if "hPrivateRuntimeResourceHandle" in entry:
            return entry["hPrivateRuntimeResourceHandle"], entry["process"]
        return "named", entry["name"], entry["process"]

    def name(self, key):
        if key[0] == "named":
            return {"process": key[2]}
        return {"hPrivateRuntimeResourceHandle": key[0], "process": key[1], "renamed": self.names.get(key, (None, 0))[1]}

    def check(self, report):
        differences = super().check(report)
        for entry in report:
            key = self.key_of(entry)
            if key[0] != "named" and entry["name"] != self.names.get(key, (None, 0))[0]:
                differences.append(f"{key}: named {entry['name']}")
        return differences


class Device(Grouped):
    def key(self, thing):
        return thing.device

    def key_of(self, entry):
        return next((name, entry[name]) for name in ("adapter_luid", "device") if name in entry)

    def name(self, key):
        return {key[0]: key[1]}


class Holder(Observer):
    """Holders: everything, each device, each process. A buffer is in one part of each that has handles of it."""

    PARTS = ("total", "exclusive", "shared", "imported")

    def __init__(self):
        self.handles = collections.defaultdict(collections.Counter)  # of a memory, by holder
        self.places = collections.defaultdict(dict)                  # of a memory, by holder: its part
        self.held = collections.defaultdict(set)                     # by holder and part: memories
        self.ever = collections.defaultdict(list)                    # the same, each as often as a holder came to it
        self.seen = set()
        self.now, self.peak = collections.Counter(), collections.Counter()

    @staticmethod
    def holders(thing):
        return ("holder", "all"), thing.device, ("process", thing.call["process"])

    def part(self, memory, holder):
        if memory.maker.imported or holder not in self.holders(memory.maker):
            return "imported"
        return "shared" if self.handles[memory]["holder", "all"] > 1 or memory.exported else "exclusive"

    def update(self, memory):
        places = self.places[memory]
        for holder, count in self.handles[memory].items():
            new = ("total", self.part(memory, holder)) if count else ()
            for part in set(places.get(holder, ())) - set(new):
                self.held[holder, part].remove(memory)
                self.now[holder, part] -= memory.maker.size
            for part in set(new) - set(places.get(holder, ())):
                self.held[holder, part].add(memory)
                self.now[holder, part] += memory.maker.size
                if (memory, holder, part) not in self.seen:
                    self.seen.add((memory, holder, part))
                    self.ever[holder, part].append(memory)
                self.peak[holder, part] = max(self.peak[holder, part], self.now[holder, part])
            if not new:
                self.seen -= {(memory, holder, part) for part in self.PARTS}
            places[holder] = new

    def born(self, thing):
        self.handles[thing.memory].update(self.holders(thing))
        self.update(thing.memory)

    def exported(self, memory):
        self.update(memory)

    def died(self, thing, how):
        if how != "alive":
            self.handles[thing.memory].subtract(self.holders(thing))
            self.update(thing.memory)

    @staticmethod
    def figures(memories):
        known = [m.maker for m in memories if m.maker.origin != "unknown"]
        size = sum(maker.size for maker in known) if known or not memories else None
        return len(memories), size, len(memories) - len(known), sum(maker.origin == "mapped" for maker in known)

    def check(self, report):
        differences, order = [], {"all": 0, "device": 1, "process": 2}
        known = {(key, entry[key]) for entry in report for key in ("device", "adapter_luid", "process") if key in entry}
        if known | {("holder", "all")} != {holder for holder, _ in self.ever} | {("holder", "all")}:
            differences.append("other holders")
        if [order[entry["holder"]] for entry in report] != sorted(order[entry["holder"]] for entry in report):
            differences.append("not in the order of all, devices, processes")
        for entry in report:
            holder = next(((key, entry[key]) for key in ("device", "adapter_luid", "process") if key in entry), ("holder", "all"))
            for part in self.PARTS:
                ever, _, unknown, bounds = self.figures(self.ever[holder, part])
                at_end, at_end_bytes, at_end_unknown, at_end_bounds = self.figures(self.held[holder, part])
                expected = {"buffers": ever, "unknown_size": unknown, "lower_bounds": bounds, "at_end": at_end,
                            "peak_bytes": None if ever and ever == unknown else self.peak[holder, part],
                            "at_end_bytes": at_end_bytes, "at_end_unknown_size": at_end_unknown, "at_end_lower_bounds": at_end_bounds}
                differences += compare(expected, entry[part], f"{holder} {part}", spare={"peak_ts"})
        return differences


class Size(Grouped):
    BOUNDS = [1 << bits for bits in range(12, 33, 2)]

    def key(self, thing):
        if thing.origin == "unknown":
            return None, None
        above = 0
        for bound in self.BOUNDS:
            if thing.size <= bound:
                return above, bound
            above = bound
        return above, None

    def key_of(self, entry):
        return entry["above"], entry["up_to"]

    def name(self, key):
        return {"above": key[0], "up_to": key[1]}


class Mapping(Observer):
    """One entry a page: which mapping it is of."""

    PAGE = 4096

    def __init__(self):
        self.pages, self.left, self.made, self.ended, self.peak = {}, {}, 0, 0, 0

    def take(self, process, address, length, begin=None):
        taken = None
        for page in range(address // self.PAGE, (address + length + self.PAGE - 1) // self.PAGE):
            mapping = self.pages.get((process, page))
            if mapping is None or (begin is not None and self.left[mapping][1] > begin):
                continue
            taken = taken if taken is not None else mapping
            del self.pages[process, page]
            self.left[mapping][0] -= self.PAGE
            if not self.left[mapping][0]:
                del self.left[mapping]
                self.ended += 1
        return taken

    def add(self, process, address, length, end):
        pages = range(address // self.PAGE, (address + length + self.PAGE - 1) // self.PAGE)
        self.made += 1
        self.left[self.made] = [len(pages) * self.PAGE, end]
        self.pages.update({(process, page): self.made for page in pages})
        self.peak = max(self.peak, len(self.pages) * self.PAGE)

    def call(self, call):
        process, begin = call["process"], int(call["ts"])
        end = begin + call["duration_ns"]
        if call["ret"] == -1:
            return
        if call["event"] == "drm:munmap":
            self.take(process, call["addr"], call["length"], begin)
        elif call["event"] == "drm:mmap":
            self.take(process, call["ret"], call["length"])
            if int(call["file"], 16) or call["dma_buf"]:
                self.add(process, call["ret"], call["length"], end)

    def check(self, report):
        expected = {"made": self.made, "ended": self.ended, "peak_bytes": self.peak, "at_end": len(self.left),
                    "at_end_bytes": sum(left for left, _ in self.left.values())}
        differences = compare(expected, {name: report[name] for name in expected}, "mapping")
        left = sorted(left for left, _ in self.left.values())
        return differences + ([] if left == sorted(entry["bytes"] for entry in report["left"]) else ["mapping: other sizes left"])


class Alive(Observer):
    def __init__(self):
        self.entries = []

    def died(self, thing, how):
        if how != "alive":
            return
        call = thing.call
        entry = {"handle": thing.handle, "process": call["process"], "pid": call["pid"], "tid": call["tid"], "event": call["event"],
                 "call": call["call"], "ts": thing.born, "size": None if thing.origin == "unknown" else thing.size,
                 "size_origin": thing.origin, "imported": thing.imported, thing.device[0]: thing.device[1]}
        if call["event"].startswith("d3dkmt:"):
            resource = call["hResource_out"] if call.get("Flags", 0) & CREATE_RESOURCE else call["hResource"]
            entry.update(hDevice=call["hDevice"], hResource=resource, hPrivateRuntimeResourceHandle=thing.surface)
        self.entries.append(entry)

    def check(self, report):
        def order(entry):
            return entry["process"], entry["call"], entry["tid"], entry["handle"]
        sizes = [-1 if entry["size"] is None else entry["size"] for entry in report]
        differences = [] if sizes == sorted(sizes, reverse=True) else ["not in the order of sizes"]
        if len(report) != len(self.entries):
            return differences + [f"{len(report)} entries, expected {len(self.entries)}"]
        for expected, found in zip(sorted(self.entries, key=order), sorted(report, key=order)):
            differences += compare(expected, found, str(found["handle"]))
        return differences


PENDING = 259
PROMISING = {"make_resident", "map_gpu_virtual_address", "reclaim_allocations2", "update_allocation_property"}


class Calls(Observer):
    def __init__(self):
        self.kinds = collections.defaultdict(list)
        self.fences, self.awaited = {}, collections.defaultdict(list)
        self.ready = collections.defaultdict(lambda: {"at_once": 0, "within": [], "not_seen": 0})

    def call(self, call):
        self.kinds[call["event"]].append(call)
        name, queue = call["event"].split(":")[1], (call["process"], call.get("hPagingQueue"))
        if failed(call) or "nested" in call.get("marks", []):
            return
        if name in ("create_paging_queue", "destroy_paging_queue"):
            self.drop(queue)
        elif name in PROMISING and queue[1] and call["PagingFenceValue"]:
            if call["status"] != PENDING:
                self.ready[call["event"]]["at_once"] += 1
            elif self.fences.get(queue, (0, 0))[0] >= call["PagingFenceValue"]:
                self.reached(call, self.fences[queue][1])
            else:
                self.awaited[queue].append(call)

    def reached(self, call, ts):
        self.ready[call["event"]]["within"].append(max(ts - call["ts"], 0))

    def drop(self, queue):
        self.fences.pop(queue, None)
        for call in self.awaited.pop(queue, []):
            self.ready[call["event"]]["not_seen"] += 1

    def event(self, name, event):
        if name != "paging_fence":
            return
        queue = event["process"], event["hPagingQueue"]
        self.fences[queue] = event["value"], event["ts"]
        for call in [c for c in self.awaited[queue] if c["PagingFenceValue"] <= event["value"]]:
            self.awaited[queue].remove(call)
            self.reached(call, event["ts"])

    def check(self, report):
        differences, seen = [], set()
        for queue in list(self.awaited):
            self.drop(queue)
        for entry in report:
            calls = self.kinds.get(entry["event"], [])
            seen.add(entry["event"])
            failures = collections.Counter((c["status"] if "status" in c else c["errno"]) for c in calls if failed(c))
            expected = {"event": entry["event"], "calls": len(calls), "failed": sum(map(failed, calls)),
                        "retries": sum("retry" in c.get("marks", []) for c in calls),
                        "nested": sum("nested" in c.get("marks", []) for c in calls),
                        "duration_ns": percentiles([c["duration_ns"] for c in calls], total=True)}
            ready = self.ready.get(entry["event"])
            if ready:
                within = percentiles(ready["within"]) or dict.fromkeys(("p50", "p90", "p99", "max"), 0)
                expected["ready"] = {"at_once": ready["at_once"], "later": len(ready["within"]), "not_seen": ready["not_seen"],
                                     "within_ns": within}
            differences += compare(expected, entry, entry["event"], spare={"request", "failures"})
            found = {f.get("status", f.get("errno")): f["count"] for f in entry["failures"]}
            differences += compare(dict(failures), found, entry["event"] + " failures")
        return differences + [f"{event}: not in the report" for event in self.kinds if event not in seen]


def key_of_thread(call):
    return call["process"], call["thread"]


class Peak(Observer):
    """What is alive at the peak: kept as a copy whenever there is a new one."""

    def __init__(self):
        self.alive, self.bytes, self.now, self.changes = {}, 0, float("-inf"), []
        self.peak, self.at, self.ts = 0, [], None

    def note(self, ns):
        self.now = max(self.now, ns)
        self.changes.append((self.now, self.bytes))

    def born(self, thing):
        if thing.imported:
            return
        self.alive[thing.id] = thing
        self.bytes += thing.size
        self.note(thing.born)
        if self.bytes > self.peak:
            self.peak, self.at, self.ts = self.bytes, list(self.alive.values()), self.now

    def memory_gone(self, maker):
        if not maker.imported:
            del self.alive[maker.id]
            self.bytes -= maker.size
            self.note(self.gone_at)

    def curve(self):
        shift = 16
        if not self.changes:
            return {"first_ts": 0, "bucket_ns": 1 << shift, "max_bytes": [], "end_bytes": []}
        while (self.changes[-1][0] >> shift) - (self.changes[0][0] >> shift) >= 512:
            shift += 1
        first, most, end = self.changes[0][0] >> shift, [], []
        for ns, live in self.changes:
            while len(end) <= (ns >> shift) - first:
                most.append(end[-1] if end else 0)
                end.append(end[-1] if end else 0)
            most[-1], end[-1] = max(most[-1], live), live
        return {"first_ts": first << shift, "bucket_ns": 1 << shift, "max_bytes": most, "end_bytes": end}

    def check(self, report):
        keys = {"surface": lambda t: (t.surface, t.call["process"]), "buffer": lambda t: (t.name, t.call["process"]),
                "size": Size().key, "thread": lambda t: key_of_thread(t.call)}
        names = {"surface": ("hPrivateRuntimeResourceHandle", "process"), "buffer": ("name", "process"), "size": ("above", "up_to"),
                 "thread": ("process", "thread")}
        differences = compare(self.curve(), report["over_time"], "over time")
        expected = {"bytes": self.peak, "allocations": len(self.at), "ts": self.ts,
                    "unknown_size": sum(t.origin == "unknown" for t in self.at),
                    "lower_bounds": sum(t.origin == "mapped" for t in self.at)}
        differences += compare(expected, report, "", spare={"over_time", "at_peak"})
        for dimension, key in keys.items():
            wanted = collections.defaultdict(lambda: [0, 0])
            for thing in self.at:
                d3dkmt = thing.call["event"].startswith("d3dkmt:")
                if dimension != ("buffer" if d3dkmt else "surface"):
                    wanted[key(thing)][0] += thing.size
                    wanted[key(thing)][1] += 1
            found = {tuple(e[n] for n in names[dimension]): [e["bytes"], e["allocations"]] for e in report["at_peak"][dimension]}
            differences += compare(dict(wanted), found, dimension)
        return differences


class Lifetime(Observer):
    def __init__(self):
        self.ended = []

    def died(self, thing, how):
        if not thing.imported and how not in ("alive", "lost"):
            self.ended.append(thing)

    def check(self, report):
        limits = [0] + [10 ** power for power in range(3, 12)] + [None]
        differences = []
        for low, high, entry in zip(limits, limits[1:], report):
            of = [t for t in self.ended if low <= t.died - t.born and (high is None or t.died - t.born < high)]
            differences += compare({"from_ns": low, "below_ns": high, "count": len(of), "bytes": sum(t.size for t in of),
                                    "unknown_size": sum(t.origin == "unknown" for t in of),
                                    "lower_bounds": sum(t.origin == "mapped" for t in of)}, entry, str(low))
        return differences + ([] if len(report) == 10 else ["other classes"])


class Sites(Observer):
    """Allocations by thread, kind of call, and size."""

    def __init__(self):
        self.sites = {}
        self.made, self.freed = None, None

    def site(self, thing):
        call = thing.call
        size = None if thing.origin == "unknown" else thing.size
        key = call["process"], call["thread"], call["event"], size
        return self.sites.setdefault(key, {"made": 0, "things": [], "again": 0, "short": 0, "pool": 0, "most": 0, "freed_ts": 0,
                                           "time": 0, "since": thing.born, "freed": 0, "surfaces": []})

    def cost(self, which, call):
        """A call's duration, when it is asked for the first time in a row."""
        last, name = getattr(self, which), (call["process"], call["thread"], call["call"])
        setattr(self, which, name)
        return 0 if last == name else call["duration_ns"]

    @staticmethod
    def surface(surfaces):
        given = [s for s in surfaces if s]
        return {"surface": given[0] if given else 0, "other_surfaces": any(s != given[0] for s in given)}

    def named(self, key, site):
        return {"process": key[0], "thread": key[1], "event": key[2], "size": key[3], **self.surface(site["surfaces"])}

    def compare(self, expected, report):
        def name(entry):
            return entry["process"], entry["thread"], entry["event"], entry["size"]
        found = {name(entry): {k: v for k, v in entry.items() if k not in ("pid", "tid", "name")} for entry in report}
        return compare({name(entry): entry for entry in expected}, found, "")


class Leaks(Sites):
    def born(self, thing):
        if not thing.imported:
            self.site(thing)["made"] += 1

    def died(self, thing, how):
        if thing.imported:
            return
        site = self.site(thing)
        site["freed"] += how == "freed"
        if how not in ("freed", "lost"):
            site["things"].append(thing)

    def check(self, report):
        freed = {(key[0], key[2]) for key, site in self.sites.items() if site["freed"]}
        expected = []
        for key, site in self.sites.items():
            things = sorted(site["things"], key=lambda t: t.born)
            if not things:
                continue
            site["surfaces"] = [t.surface for t in things]
            first, last, time = things[0].born, things[-1].born, self.end - site["since"]
            grows = (len(things) >= 3 and last - first >= time / 4 and
                     sum(t.died - t.born for t in things) >= len(things) * (self.end - first) / 4)
            elsewhere = (key[0], key[2]) in freed
            lasts = [t for t in site["things"] if t.born == last]
            expected.append({**self.named(key, site), "leak": grows and elsewhere, "grows": grows, "freed_elsewhere": elsewhere,
                             "made": site["made"], "freed": site["freed"], "never_freed": len(things),
                             "never_freed_bytes": sum(t.size for t in things), "first_ts": first, "last_ts": last,
                             "first_call": things[0].call["call"], "last_call": lasts[0].call["call"]})
        return self.compare(expected, report)


class Churn(Sites):
    MOMENT = 10 ** 8

    def born(self, thing):
        if thing.imported:
            return
        site = self.site(thing)
        site["made"] += 1
        if site["pool"] and thing.call["ts"] - site["freed_ts"] > self.MOMENT:
            site["pool"] = 0
        if site["pool"]:
            site["pool"] -= 1
            site["again"] += 1
            site["time"] += self.cost("made", thing.call)
            site["surfaces"].append(thing.surface)

    def died(self, thing, how):
        if thing.imported or how != "freed" or thing.died - thing.born > self.MOMENT:
            return
        site = self.site(thing)
        site["short"] += 1
        site["pool"] += 1
        site["most"] = max(site["most"], site["pool"])
        site["freed_ts"] = thing.died
        site["time"] += self.cost("freed", self.lives.current)

    def check(self, report):
        return self.compare([{**self.named(key, site), "made": site["made"], "short_lived": site["short"], "made_again": site["again"],
                              "bytes": None if key[3] is None else site["again"] * key[3], "time_ns": site["time"],
                              "pool": site["most"]} for key, site in self.sites.items() if site["again"]], report)


class Latency(Observer):
    """Allocations that a call made, used or ended: D3DKMT's are looked up by the handles in it."""
    ONE = {"lock2": "hAllocation", "unlock2": "hAllocation", "map_gpu_virtual_address": "hAllocation",
           "update_allocation_property": "hAllocation"}
    LIST = {"make_resident": "AllocationList", "evict": "AllocationList"}

    def __init__(self):
        self.about, self.kinds, self.calls = {}, collections.defaultdict(list), []

    def note(self, thing, call):
        name = call["process"], call["thread"], call["call"]
        if self.about.get("name") != name:
            self.about = {"name": name, "things": []}
        self.about["things"].append(thing)

    def born(self, thing):
        self.note(thing, thing.call)

    def died(self, thing, how):
        call = self.ending(thing, how)[0]
        if call:
            self.note(thing, call)

    def used(self, thing, call):
        self.note(thing, call)

    def call(self, call):
        provider, event = call["event"].split(":")
        if provider == "d3dkmt" and not failed(call):
            handles = [call[self.ONE[event]]] if event in self.ONE else (call[self.LIST[event]] or []) if event in self.LIST else []
            for handle in handles:
                thing = self.lives.find("allocation", call["process"], handle, call["ts"]) if handle else None
                if thing:
                    self.note(thing, call)
        things = self.about["things"] if self.about.get("name") == (call["process"], call["thread"], call["call"]) else []
        unknown, size = sum(t.origin == "unknown" for t in things), sum(t.size for t in things)
        self.about, key = {}, None
        if things:
            key = (None, None) if unknown == len(things) else Size().key(type("Of", (), {"size": size, "origin": "known"}))
        self.kinds[call["event"], key].append(call["duration_ns"])
        self.calls.append({"duration_ns": call["duration_ns"], "event": call["event"], "process": call["process"], "pid": call["pid"],
                           "tid": call["tid"], "call": call["call"], "ts": call["ts"], "failed": failed(call),
                           "allocations": len(things), "unknown_size": unknown, "bytes": size,
                           "handle": things[0].handle if things else 0, "surface": things[0].surface if things else 0,
                           "name": things[0].name if things else None})

    def check(self, report):
        slowest = sorted(self.calls, key=lambda call: -call["duration_ns"])[:64]
        differences = compare(slowest, report["slowest"], "slowest")
        seen = {}
        for entry in report["by_kind_and_size"]:
            seen[entry["event"], (entry["above"], entry["up_to"]) if entry["about_allocations"] else None] = entry
        for key in self.kinds.keys() | seen.keys():
            if key not in self.kinds or key not in seen:
                differences.append(f"{key}: only in {'the report' if key in seen else 'what was recomputed'}")
                continue
            differences += compare({"calls": len(self.kinds[key]), "duration_ns": percentiles(self.kinds[key])},
                                   {name: seen[key][name] for name in ("calls", "duration_ns")}, str(key))
        return differences


class Owners(Grouped):
    """By thread, or by process: allocations by who made them, and the calls of each."""

    def __init__(self, threads):
        super().__init__()
        self.threads, self.calls = threads, collections.defaultdict(list)

    def of(self, call):
        return (call["process"], call["thread"]) if self.threads else (call["process"],)

    def key(self, thing):
        return self.of(thing.call)

    def key_of(self, entry):
        return self.of(entry)

    def call(self, call):
        self.groups[self.of(call)]
        self.calls[self.of(call)].append(call)

    def name(self, key):
        calls = self.calls[key]
        out = {"process": key[0], "pid": calls[0]["pid"], "calls": len(calls), "failed": sum(map(failed, calls)),
               "time_ns": sum(call["duration_ns"] for call in calls)}
        return {**out, "thread": key[1], "tid": calls[0]["tid"]} if self.threads else out


class Errors(Observer):
    def __init__(self):
        self.failures = collections.defaultdict(list)

    def call(self, call):
        if failed(call):
            self.failures[call["event"], call.get("status", call["errno"])].append(call)

    def check(self, report):
        expected = {key: {"count": len(calls), "process": calls[0]["process"], "tid": calls[0]["tid"], "call": calls[0]["call"],
                          "first_ts": calls[0]["ts"], "last_ts": calls[-1]["ts"]} for key, calls in self.failures.items()}
        found = {(e["event"], e.get("status", e.get("errno"))): {k: v for k, v in e.items()
                                                                 if k not in ("event", "status", "errno", "name")} for e in report}
        return compare(expected, found, "")


class Addresses(Observer):
    """Spaces by (process or file, number in it or None); ranges as a sorted list of (begin, end, owner)."""
    GEM_VA = {1: "take", 2: "give at", 3: "give", 4: "take"}
    XE = {0: "take", 1: "give", 2: "take", 3: "give all"}
    BIND = {0: "take", 1: "give"}

    def __init__(self):
        self.spaces, self.over = {}, []

    @staticmethod
    def cut(ranges, begin, end):
        taken, out = 0, []
        for low, high, owner in ranges:
            taken += max(0, min(high, end) - max(low, begin))
            out += [(l, h, owner) for l, h in ((low, min(high, begin)), (max(low, end), high)) if l < h]
        return sorted(out, key=lambda r: r[0]), taken

    @classmethod
    def put(cls, ranges, begin, end, owner):
        return sorted(cls.cut(ranges, begin, end)[0] + [(begin, end, owner)], key=lambda r: r[0])

    @staticmethod
    def state(ranges):
        holes = [b[0] - a[1] for a, b in zip(ranges, ranges[1:]) if b[0] > a[1]]
        return {"ranges": len(ranges), "bytes": sum(r[1] - r[0] for r in ranges), "span": ranges[-1][1] - ranges[0][0] if ranges else 0,
                "holes": len(holes), "hole_bytes": sum(holes), "largest_hole": max(holes, default=0)}

    def space(self, call, scope, vm):
        drm = call["event"].startswith("drm:")
        return self.spaces.setdefault((scope, vm), {
            "process": call["process"], "pid": call["pid"], "taken": 0, "freed": 0, "used_again": 0, "used_again_bytes": 0,
            "fitted_no_hole": 0, "peak_bytes": 0, "peak_ts": 0, "worst": self.state([]), "worst_call": 0, "worst_tid": 0, "worst_ts": 0,
            "worst_handle" if drm else "worst_surface": 0, "worst_taken_bytes": 0, "now": [], "ever": [], "reserved": [],
            "begin": call["ts"], **({"driver": call["driver"], "file": scope} if drm else {}), **({} if vm is None else {"vm": vm})})

    def owner(self, scope, handle, thing):
        return thing.memory if thing else ("handle", handle)

    def take(self, call, scope, vm, address, size, handle, reserve=False, only=False):
        thing = self.lives.find("allocation", scope, handle, call["ts"]) if handle else None
        if size is None:
            size = (thing.size + 4095) // 4096 * 4096 if thing and thing.origin != "unknown" else 0
        if not size:
            return
        space, end, owner = self.space(call, scope, vm), call["ts"] + call["duration_ns"], self.owner(scope, handle, thing)
        if only:
            if any(r[0] == address and r[2] == owner for r in space["now"]):
                return
            space["now"] = [r for r in space["now"] if r[2] != owner]
            if not address:
                space["freed"] += 1
                return
        if reserve:
            space["reserved"] = self.put(space["reserved"], address, address + size, None)
        old = self.state(space["now"])
        same, before = self.cut(space["now"], address, address + size)[1], self.cut(space["ever"], address, address + size)[1]
        space["now"] = self.put(space["now"], address, address + size, owner)
        space["ever"] = self.put(space["ever"], address, address + size, None)
        state = self.state(space["now"])
        space["taken"] += 1
        space["used_again"] += before > same
        space["used_again_bytes"] += before - same
        space["fitted_no_hole"] += size > old["largest_hole"] and size <= old["hole_bytes"] and not same
        if state["bytes"] > space["peak_bytes"]:
            space["peak_bytes"], space["peak_ts"] = state["bytes"], end
        if state["hole_bytes"] > space["worst"]["hole_bytes"]:
            space.update(worst=state, worst_call=call["call"], worst_tid=call["tid"], worst_ts=end, worst_taken_bytes=size)
            space.update({"worst_handle": handle} if "file" in space else {"worst_surface": thing.surface if thing else 0})

    def give(self, call, scope, vm, address, size, sparse=False):
        space, end = self.space(call, scope, vm), address + size
        space["freed"] += 1
        if sparse:
            space["reserved"] = self.cut(space["reserved"], address, end)[0]
        space["now"] = self.cut(space["now"], address, end)[0]
        for low, high, _ in space["reserved"]:
            if low < end and high > address:
                space["now"] = self.put(space["now"], max(low, address), min(high, end), None)

    def give_at(self, call, scope, vm, address):
        space = self.space(call, scope, vm)
        space["freed"] += 1
        space["now"] = [r for r in space["now"] if r[0] != address]

    def give_all(self, call, scope, vm, handle):
        space, owner = self.space(call, scope, vm), self.owner(scope, handle, self.lives.find("allocation", scope, handle, call["ts"]))
        space["freed"] += 1
        space["now"] = [r for r in space["now"] if r[2] != owner]

    def ends(self, scope, vm):
        space = self.spaces.pop((scope, vm), None)
        if space:
            self.over.append({**space, "now": []})

    def does(self, call, what, vm, address, size, handle=0, sparse=False):
        if what == "take":
            self.take(call, call["file"], vm, address, size, handle, reserve=sparse)
        elif what == "give":
            self.give(call, call["file"], vm, address, size, sparse)
        elif what == "give at":
            self.give_at(call, call["file"], vm, address)
        elif what == "give all":
            self.give_all(call, call["file"], vm, handle)

    def drm(self, call, name):
        file = call["file"]
        if name == "amdgpu_gem_va":
            self.does(call, self.GEM_VA.get(call["operation"]), None, call["va_address"], call["map_size"], call["handle"])
        elif name == "radeon_gem_va" and call["operation"] == 1:
            self.take(call, file, None, member(call, "offset"), None, call["handle"], only=True)
        elif name == "radeon_gem_va" and call["operation"] == 2:
            self.give_all(call, file, None, call["handle"])
        elif name == "msm_gem_info" and call["info"] in (1, 4):
            self.take(call, file, None, member(call, "value"), None, call["handle"], only=True)
        elif name in ("xe_vm_create", "panthor_vm_create"):
            self.ends(file, call.get("vm_id", call.get("id")))
        elif name in ("xe_vm_destroy", "panthor_vm_destroy"):
            vm = call.get("vm_id", call.get("id"))
            if call["ts"] >= self.spaces.get((file, vm), {"begin": 0})["begin"]:
                self.ends(file, vm)
        elif name == "xe_vm_bind":
            for op in call.get("binds") or [call.get("bind")]:
                if op:
                    self.does(call, self.XE.get(op["op"]), call["vm_id"], op["addr"], op["range"], op["obj"])
        elif name == "nouveau_vm_bind":
            for op in call["ops"] or []:
                if op:
                    self.does(call, self.BIND.get(op["op"]), None, op["addr"], op["range"], op["handle"], bool(op["flags"] & 1 << 8))
        elif name == "panthor_vm_bind":
            for op in call["ops"]["list"] or []:
                if op:
                    self.does(call, self.BIND.get(op["flags"] >> 28), call["vm_id"], op["va"], op["size"], op["bo_handle"])

    def call(self, call):
        if failed(call) or {"nested", "unreadable"} & set(call.get("marks", [])):
            return
        provider, name = call["event"].split(":")
        process = call["process"]
        if provider == "drm":
            self.drm(call, name)
        elif name == "map_gpu_virtual_address":
            self.take(call, process, None, call["VirtualAddress"], call["SizeInPages"] * 4096, call["hAllocation"])
        elif name == "reserve_gpu_virtual_address":
            self.take(call, process, None, call["VirtualAddress"], call["Size"], 0)
        elif name == "free_gpu_virtual_address":
            self.give(call, process, None, call["BaseAddress"], call["Size"])
        elif name == "update_gpu_virtual_address":
            for operation in call["Operations"] or []:
                part = operation and (operation.get("Map") or operation.get("MapProtect"))
                if part:
                    self.take(call, process, None, part["BaseAddress"], part["SizeInBytes"], part["hAllocation"])

    def died(self, thing, how):
        space = self.spaces.get((thing.scope, None), {}) if how != "alive" else {}
        if space.get("driver") in ("amdgpu", "msm", "radeon"):
            space["now"] = [r for r in space["now"] if r[2] is not thing.memory]

    def event(self, name, event):
        if name == "file_closed" and not any(key[0] == event["file"] for key in self.lives.holders):
            for scope, vm in [key for key in self.spaces if key[0] == event["file"]]:
                self.ends(scope, vm)

    def check(self, report):
        key = lambda space: (space.get("file", space["process"]), space.get("vm"), space["peak_ts"])
        expected = {key(space): {**space, "end": self.state(space["now"])} for space in [*self.over, *self.spaces.values()]}
        for space in expected.values():
            del space["now"], space["ever"], space["reserved"], space["begin"]
        return compare(expected, {key(entry): entry for entry in report}, "")


class Residency(Observer):
    def __init__(self):
        self.counts, self.bytes, self.budgets = {}, 0, {}
        self.out = dict.fromkeys(("make_resident_calls", "made_resident", "evict_calls", "evicted", "peak_bytes", "to_trim_most"), 0)
        self.out["peak_ts"] = None

    def call(self, call):
        name, process, out = call["event"].split(":")[1], call["process"], self.out
        if failed(call) or "nested" in call.get("marks", []):
            return
        if name == "make_resident":
            count = member(call, "NumAllocations")
            out["make_resident_calls"] += 1
            out["made_resident"] += count
            out["to_trim_most"] = max(out["to_trim_most"], call["NumBytesToTrim"])
            for handle in (call["AllocationList"] or [])[:count]:
                thing = self.lives.find("allocation", process, handle, call["ts"])
                if thing:
                    self.bytes += 0 if thing in self.counts else thing.size
                    self.counts[thing] = self.counts.get(thing, 0) + 1
            if self.bytes > out["peak_bytes"]:
                out["peak_bytes"], out["peak_ts"] = self.bytes, call["ts"] + call["duration_ns"]
        elif name == "evict":
            out["evict_calls"] += 1
            out["evicted"] += call["NumAllocations"]
            for handle in call["AllocationList"] or []:
                thing = self.lives.find("allocation", process, handle, call["ts"])
                if thing in self.counts:
                    self.counts[thing] -= 1
                    if not self.counts[thing]:
                        del self.counts[thing]
                        self.bytes -= thing.size
        elif name == "query_video_memory_info":
            self.budgets.setdefault((process, call["hAdapter"], call["MemorySegmentGroup"]), []).append(call)

    def died(self, thing, how):
        if how != "alive" and thing.call["event"].startswith("d3dkmt:") and self.counts.pop(thing, None):
            self.bytes -= thing.size

    def check(self, report):
        budgets = {key: {"pid": calls[0]["pid"], "queries": len(calls),
                         "over_budget": sum(c["CurrentUsage"] > c["Budget"] for c in calls),
                         "budget_least": min(c["Budget"] for c in calls), "budget_last": calls[-1]["Budget"],
                         "usage_most": max(c["CurrentUsage"] for c in calls), "usage_last": calls[-1]["CurrentUsage"]}
                   for key, calls in self.budgets.items()}
        key = ("process", "hAdapter", "MemorySegmentGroup")
        found = {tuple(e[k] for k in key): {k: v for k, v in e.items() if k not in key} for e in report["budgets"]}
        return compare(budgets, found, "budgets") + compare(
            {**self.out, "at_end": len(self.counts), "at_end_bytes": self.bytes}, report, "", spare={"budgets"})


class Sharing(Observer):
    EXPORTS = {"drm:gem_flink", "drm:prime_handle_to_fd", "d3dkmt:share_objects", "d3dkmt:share_object_with_host"}

    def __init__(self):
        self.imports, self.exports = collections.defaultdict(lambda: [0, 0, 0]), collections.Counter()

    def born(self, thing):
        if thing.imported:
            maker = thing.memory.maker
            edge = self.imports[None if maker.imported else maker.call["process"], thing.call["process"], thing.call["event"]]
            edge[0] += 1
            edge[1] += thing.size
            edge[2] += thing.origin == "unknown"

    def call(self, call):
        if call["event"] in self.EXPORTS and not failed(call) and "nested" not in call.get("marks", []):
            self.exports[call["process"], call["event"]] += 1

    def check(self, report):
        imports = {(e["from"], e["to"], e["event"]): [e["handles"], e["bytes"], e["unknown_size"]] for e in report if "to" in e}
        exports = {(e["exporter"], e["event"]): e["calls"] for e in report if "exporter" in e}
        return compare(dict(self.imports), imports, "imports") + compare(dict(self.exports), exports, "exports")


class Blobs(Observer):
    """Private data is what list writes as text of hexadecimal digits, in calls and their arrays."""
    OTHERS = {"event", "process", "file", "layer", "driver", "request", "name"}

    def __init__(self):
        self.members, self.references, self.bytes, self.distinct = collections.defaultdict(list), 0, 0, set()

    def note(self, event, path, value):
        data = bytes.fromhex(value)
        if data:
            self.references += 1
            self.bytes += len(data)
            self.distinct.add(data)
            self.members[event, path, len(data)].append(data)

    def walk(self, event, path, thing):
        for key, value in thing.items():
            if isinstance(value, str) and key not in self.OTHERS:
                if not (key.endswith("_out") and thing.get(key[:-4]) == value):
                    self.note(event, path + key, value)
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, dict):
                    self.walk(event, path + key + ".", entry)

    def call(self, call):
        if not failed(call) and "unreadable" not in call.get("marks", []):
            self.walk(call["event"], "", call)

    @staticmethod
    def varying(contents):
        differ = [len(set(column)) > 1 for column in zip(*(c[:4096] for c in set(contents)))] + [False]
        ends = [i for i in range(len(differ)) if differ[i] != (i > 0 and differ[i - 1])]
        return [list(pair) for pair in zip(ends[::2], ends[1::2])]

    def check(self, report):
        expected = {key: {"references": len(contents), "varying": self.varying(contents)} for key, contents in self.members.items()}
        found = {(e["event"], e["member"], e["size"]): {k: e[k] for k in ("references", "varying")} for e in report["members"]}
        differences = compare(expected, found, "") if len(expected) < 1024 else []
        differences += compare({"references": self.references + report["missing"], "bytes": self.bytes},
                               {name: report[name] for name in ("references", "bytes")}, "")
        # The trace also has what only failed calls named.
        if report["distinct"] < len(self.distinct) or report["distinct_bytes"] < sum(map(len, self.distinct)):
            differences.append("fewer distinct contents than there are")
        return differences + compare(max(0, report["bytes"] - report["distinct_bytes"]), report["saved_bytes"], "saved")


class Summary(Observer):
    def __init__(self):
        self.all, self.calls, self.failed, self.threads, self.strangers = Group(), 0, 0, set(), 0
        self.processes, self.files, self.untraced, self.trouble = [], collections.Counter(), {}, {}

    def call(self, call):
        self.calls += 1
        self.failed += failed(call)
        self.threads.add((call["process"], call["thread"]))

    def event(self, name, event):
        if name == "process":
            self.processes.append({k: event[k] for k in ("process", "pid", "program", "command_line", "kernel", "tracer")})
        elif name == "file":
            self.files[event["driver"], event["path"]] += 1
        elif name == "untraced":
            self.untraced[event["process"], event["file"], event["request"]] = event["count"]
        elif name == "trouble":
            self.trouble[event["process"], event["what"]] = event["count"]

    def born(self, thing):
        self.all.born(thing)

    def died(self, thing, how):
        self.all.died(thing, how)

    def memory_gone(self, maker):
        self.all.memory_gone(maker)

    def stranger(self):
        self.strangers += 1

    def check(self, report):
        expected = {"calls": self.calls, "failed": self.failed, "threads": len(self.threads), "frees_of_unseen": self.strangers,
                    "processes": self.processes, "memory": self.all.figures()}
        differences = compare(expected, report, "", spare={"first_ts", "last_ts", "events", "incomplete", "loss", "files", "untraced",
                                                           "trouble"})
        found = {(f["driver"], f["path"]): f["opened"] for f in report["files"]}
        differences += compare(dict(self.files), found, "files")
        differences += compare(sorted(self.untraced.values()), sorted(u["count"] for u in report["untraced"]), "untraced")
        differences += compare(sorted(self.trouble.values()), sorted(t["count"] for t in report["trouble"]), "trouble")
        return differences


def compare(expected, found, where, spare=frozenset()):
    if isinstance(expected, Near):
        return [] if expected.agrees(found) else [f"{where}: {found}, expected about {float(expected)}"]
    if isinstance(expected, dict) and isinstance(found, dict):
        out = []
        for key in expected.keys() | found.keys():
            if key in spare:
                continue
            if key not in expected or key not in found:
                out.append(f"{where} {key}: only in {'the report' if key in found else 'what was recomputed'}")
            else:
                out += compare(expected[key], found[key], f"{where} {key}")
        return out
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [d for i, (e, f) in enumerate(zip(expected, found)) for d in compare(e, f, f"{where}[{i}]")]
    return [] if expected == found and type(expected) is type(found) else [f"{where}: {found}, expected {expected}"]


def follow(list_path, lives, analyses):
    with open(list_path) as file:
        for line in file:
            entry = json.loads(line)
            provider, name = entry["event"].split(":")
            if provider == "gpualloc":
                lives.event(name, entry)
            else:
                lives.call(entry)
            for analysis in analyses:
                analysis.event(name, entry) if provider == "gpualloc" else analysis.call(entry)


def main(list_path, report_path):
    with open(report_path) as file:
        report = json.load(file)
    analyses = {"summary": Summary(), "calls": Calls(), "device": Device(), "size": Size(), "surface": Surface(), "alive": Alive(),
                "mapping": Mapping(), "peak": Peak(), "lifetime": Lifetime(), "leaks": Leaks(), "churn": Churn(),
                "latency": Latency(), "thread": Owners(True), "process": Owners(False), "errors": Errors(), "va": Addresses(),
                "residency": Residency(), "sharing": Sharing(), "blobs": Blobs(), "holder": Holder()}
    learning = Lives([], ({}, {}))
    follow(list_path, learning, [])
    lives = Lives(analyses.values(), (learning.late, learning.late_names))
    for analysis in analyses.values():
        analysis.lives, analysis.end = lives, report["summary"]["last_ts"]
    follow(list_path, lives, analyses.values())
    lives.finish(report["summary"]["last_ts"])
    differences = [f"{name}: nothing here recomputes it" for name in report if name not in analyses and name not in
                   ("schema_version", "trace", "findings")]
    for name, analysis in analyses.items():
        differences += [f"{name}: {difference}" for difference in analysis.check(report[name])]
    for difference in differences[:40]:
        print(f"report-recompute: {difference}", file=sys.stderr)
    memory = report["summary"]["memory"]
    print(f"recomputed {report['summary']['calls']} calls, {memory['made']} allocations: {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
