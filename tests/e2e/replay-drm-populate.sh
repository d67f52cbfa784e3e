# --populate on fake DRM devices, which count a buffer's written pages and the batches that name it: touch writes each page of each
# buffer, submit names each in a batch whose commands the fake checks, or touches it where the driver has no safe one; a kind of its
# own in the result; nothing is left mapped or open; results of different ways are not compared.
need python3
drivers="virtio_gpu radeon qxl bochs-drm amdgpu i915 xe nouveau"
export GPUALLOC_FAKE_DRM=$drivers GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
minor=0
for driver in $drivers; do
    case $driver in
    amdgpu | i915 | xe | nouveau) scene="drm_native /dev/dri/renderD$((128 + minor))" ;;
    *) scene="drm_scene /dev/dri/card$minor" ;;
    esac
    $fake gpualloc record -o "$driver" -- $scene >scene.out 2>&1 || fail "$driver: recording: $(cat scene.out)"
    rm -f fake.log
    for how in none touch submit; do
        rm -f filled
        GPUALLOC_FAKE_DRM_FILLED=$work/filled $fake gpualloc replay "$driver" --populate $how --json $driver-$how.json \
            >$how.out 2>$how.err || fail "$driver $how: $(cat $how.out $how.err)"
        mv filled $driver-$how.filled
        ! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "$driver $how: something was left open"
    done
    grep -Eq '^populated after their creation \(touch asked for\): 0 buffers by an empty batch, [1-9][0-9]* by touching each page$' \
        touch.out || fail "$driver: it does not say what was done: $(cat touch.out)"
    ! grep -q '^populate' none.out || fail "$driver: populated, although none was asked for"
    minor=$((minor + 1))
done
python3 - $drivers <<'END' || fail "the results"
import json, re, sys
# what no page of is written: buffers of the program's own memory, and what a channel of nouveau's makes for itself
brought = {'amdgpu': 1, 'i915': 1, 'nouveau': 1}
for driver in sys.argv[1:]:
    none, touch = (json.load(open(f'{driver}-{how}.json')) for how in ('none', 'touch'))
    assert (none['populate'], touch['populate'], touch['populate_asked']) == ('none', 'touch', 'touch'), driver
    a, b = none['runs'][0], touch['runs'][0]
    assert a['issued'] == b['issued'] and a['skipped'] == b['skipped'] and b['differs'] == 0, (driver, a, b)
    steps = [k for k in b['kinds'] if k['kind'] == 'populate']
    assert sum(k['n'] for k in steps) == b['populated']['touch'] and 'failed' not in b['populated'], (driver, b)
    assert not [k for k in a['kinds'] if k['kind'] == 'populate'] and 'populated' not in a, (driver, a)
    pages = lambda how: [tuple(map(int, re.findall(r'\d+', line.split(':')[1]))) for line in open(f'{driver}-{how}.filled')]
    assert all(written == 0 for written, _, _ in pages('none')), (driver, pages('none'))
    spare = driver == 'qxl'  # the kernel adds a line to surfaces of which the trace does not know
    whole = [p for p in pages('touch') if p[0] and p[1] - p[0] <= spare]
    empty = [p for p in pages('touch') if p[0] == 0]
    assert len(empty) == brought.get(driver, 0) and whole and len(whole) + len(empty) == len(pages('touch')), (driver, pages('touch'))

    # an empty batch names each buffer, also of the program's own memory, and writes no page but that of its own commands
    submit = json.load(open(f'{driver}-submit.json'))
    c, filled = submit['runs'][0], pages('submit')
    assert c['issued'] == b['issued'] and c['differs'] == 0 and submit['populate_asked'] == 'submit', (driver, c)
    if driver in ('amdgpu', 'i915', 'xe'):
        count = b['populated']['touch'] + brought.get(driver, 0)
        assert submit['populate'] == 'submit' and c['populated'] == {'submit': count}, (driver, c['populated'])
        named = [f for f in filled if f[2]]
        assert len(named) == count + 1 and all(f[0] == 0 for f in filled if f[1] > 1), (driver, filled)
        assert max(f[2] for f in named if f[:2] == (1, 1)) == count, (driver, filled)
    else:
        assert submit['populate'] == 'touch' and c['populated'] == b['populated'] and not [f for f in filled if f[2]], (driver, c)
END

# virtio_gpu submits where its host has 3D; a chip without memory of its own maps otherwise
rm -f filled
GPUALLOC_FAKE_DRM_VIRGL=1 GPUALLOC_FAKE_DRM_FILLED=$work/filled expect_status 0 $fake gpualloc replay virtio_gpu --populate submit
expect_stdout '^populated after their creation .submit asked for.: [1-9][0-9]* buffers by an empty batch, 0 by touching each page$'
grep -q '[1-9][0-9]* batches' filled && ! grep -q ': [1-9][0-9]* of' filled || fail "virgl: $(cat filled)"
GPUALLOC_FAKE_DRM_INTEGRATED=1 expect_status 0 $fake gpualloc replay i915 --populate touch
expect_stdout 'by an empty batch, [1-9][0-9]* by touching each page$'

# a few runs of each: not compared with each other; a backend that cannot says so
for how in none touch; do
    expect_status 0 $fake gpualloc replay virtio_gpu --populate $how --runs 4 --json $how.json
done
expect_status 1 gpualloc compare none.json touch.json
expect_one_line_stderr
expect_stderr 'one result is of --populate none and the other of --populate touch'
expect_status 1 gpualloc replay virtio_gpu --backend null --populate touch
expect_one_line_stderr
expect_stderr 'backend null has no way to populate; leave --populate away'
expect_status 0 $fake gpualloc bench virtio_gpu --device /dev/dri/card0 --populate touch --runs 4 --warmup 0 --output kept
grep -q '"populate" *: *"touch"' kept/a/run-0001.json || fail "bench did not populate"
