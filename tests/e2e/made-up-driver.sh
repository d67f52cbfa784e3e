# labels: slow
# A driver that there is not: to a copy of the source its .def file and its fake are added, and nothing is edited. What is built from
# it captures a client of the driver, shows its members and flags by name, counts what has no row, and documents it; and the test that
# holds every driver to its table takes it in. The driver's header lies where the system's libdrm would have it.
need python3 cmake ninja cc tar
made_up=$SOURCE/tests/e2e/made-up-driver copy=$work/copy
mkdir -p "$copy" include/libdrm
tar -C "$SOURCE" --exclude='./build*' --exclude=./.git -cf - . | tar -C "$copy" -xf -
cp "$made_up/lamp_drm.h" include/libdrm
cp "$made_up/lamp.def" "$copy/common/schema/drivers"
cp "$made_up/lamp.c" "$copy/tests/fake/drivers"
# -O0: what is asked is whether it works, and this is twice as soon there.
cmake -S "$copy" -B build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O0 -DCMAKE_C_FLAGS="-isystem $work/include" \
    >cmake.log 2>&1 || fail "configuring the copy: $(tail -n 20 cmake.log)"
cmake --build build --target gpualloc gpualloc-trace fake-drm print-drivers print-events test-capture-drivers >build.log 2>&1 ||
    fail "building the copy: $(tail -n 40 build.log)"
cc -Wall -Werror -isystem include -I /usr/include/libdrm -o client "$made_up/client.c"

expect_status 0 build/bin/test-capture-drivers
export PATH=$work/build/bin:$PATH GPUALLOC_FAKE_DRM="vgem lamp"
fake="env LD_PRELOAD=$work/build/lib/libfake-drm.so"
$fake gpualloc record -o trace -- ./client /dev/dri/renderD129 >record.out 2>&1 || fail "recording: $(cat record.out)"
expect_status 0 gpualloc list --format jsonl trace
python3 - "$stdout" <<'END' || fail "list: $(cat "$stdout")"
import json, sys
calls = [json.loads(line) for line in open(sys.argv[1])]
def of(request):
    return [call for call in calls if call['request'] == request]
assert {call['driver'] for call in calls if call['request'] != 'munmap'} == {'lamp'}, calls
first, second, refused = of('LAMP_GEM_CREATE')
assert (first['event'], first['size'], first['size_out'], first['handle']) == ('drm:lamp_gem_create', 5000, 8192, 1), first
assert (first['flags'], first['flags_names']) == (9, ['BRIGHT', 'DIMMED']), first
assert (second['size'], second['handle'], second['flags_names']) == (65536, 2, []), second
assert (refused['ret'], refused['errno'], refused['flags'], 'handle' in refused) == (-1, 22, 2, False), refused
maps, mmaps = of('LAMP_GEM_MAP'), of('mmap')
assert [call['handle'] for call in maps] == [1, 2] and [call['offset'] for call in maps] == [call['offset'] for call in mmaps], maps
light, = of('LAMP_LIGHT')
assert [(bulb['handle'], bulb['volts']) for bulb in light['bulbs_list']] == [(1, 230), (2, 12)], light
assert [call['handle'] for call in of('GEM_CLOSE')] == [1] and len(of('munmap')) == 2, calls
END
expect_status 0 gpualloc info trace
expect_stdout 'driver lamp, request 0x[0-9a-f]{8} \(number 0x44\): 1 call'
expect_status 0 gpualloc info --json trace
python3 - "$stdout" <<'END' || fail "info: $(cat "$stdout")"
import json, sys
info = json.load(open(sys.argv[1]))
assert {entry['request']: entry['count'] for entry in info['calls'] if entry['request'].startswith('LAMP')} == {
    'LAMP_GEM_CREATE': 3, 'LAMP_GEM_MAP': 2, 'LAMP_LIGHT': 1}, info
assert [(entry['driver'], entry['number'], entry['count']) for entry in info['untraced']] == [('lamp', 0x44, 1)], info
END
expect_status 0 gpualloc report --json trace
python3 - "$stdout" <<'END' || fail "report: $(cat "$stdout")"
import json, sys
memory = json.load(open(sys.argv[1]))['summary']['memory']
assert (memory['made'], memory['bytes_made'], memory['peak_bytes']) == (2, 73728, 73728), memory
assert memory['ends']['freed']['count'] == 1, memory
END
# Without a backend of its own its creates are issued as dumb buffers.
expect_status 0 $fake gpualloc replay trace --device /dev/dri/card1
expect_stdout 'dumb'
build/docs/print-drivers >drivers.md
grep -q '^Tested on: fake\.$' < <(grep -A 3 '^## lamp$' drivers.md) || fail "drivers.md does not know the driver"
grep -qF '| `LAMP_GEM_CREATE` | size, flags, handle | translated |' drivers.md || fail "drivers.md: $(grep LAMP drivers.md)"
grep -qF '| `LAMP_LIGHT` | bulbs {handle, volts}, count, pad | ' drivers.md || fail "drivers.md: $(grep LAMP drivers.md)"
build/docs/print-events >events.md
grep -q 'drm:lamp_gem_create' events.md || fail "events.md does not know the driver"
[ -z "$(cd "$copy" && find . -newer "$work/cmake.log" -type f)" ] || fail "the build wrote into the copy"
