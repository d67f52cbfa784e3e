#!/usr/bin/env python3
"""timeline-browser.py SCENE.html SCENE.jsonl SCENE.json HOSTILE.html MILLION.html PICTURES: opens pages of gpualloc timeline in
a headless Chromium, uses them as a person would, with real mouse and key events, and takes pictures."""
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

LIMIT_SECONDS = 150


def check(holds, what):
    if not holds:
        sys.exit("timeline-browser: " + what)


class Browser:
    """Chromium by its debugging pipe: descriptors 3 and 4, a JSON message before each zero byte."""

    def __init__(self):
        command_in, self.commands = os.pipe()
        self.answers, answer_out = os.pipe()
        self.profile = tempfile.TemporaryDirectory()

        def descriptors():
            a, b = os.dup(command_in), os.dup(answer_out)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-breakpad",
             "--no-first-run", "--disable-background-networking", "--disable-extensions", "--hide-scrollbars",
             "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            preexec_fn=descriptors, start_new_session=True)
        os.close(command_in)
        os.close(answer_out)
        self.buffer, self.number, self.session, self.events = b"", 0, None, []

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.profile.cleanup()

    def message(self):
        while b"\0" not in self.buffer:
            data = os.read(self.answers, 1 << 20)
            check(data, "Chromium has gone")
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def send(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                check("error" not in answer, f"{method}: {answer.get('error')}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path, dark=False):
        """Loads a page in a new tab; the seconds until it is drawn."""
        self.session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(domain + ".enable")
        self.send("Emulation.setDeviceMetricsOverride", width=1440, height=900, deviceScaleFactor=1, mobile=False)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.events, begin = [], time.monotonic()
        self.send("Page.navigate", url="file://" + os.path.abspath(path))
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())
        while not self.value("!!(window.timeline && window.timeline.ready)"):
            check(time.monotonic() - begin < LIMIT_SECONDS, f"{path} is not drawn in {LIMIT_SECONDS} s")
            time.sleep(0.05)
        return time.monotonic() - begin

    def value(self, expression):
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        check("exceptionDetails" not in result, f"{expression}: {result.get('exceptionDetails')}")
        return result["result"].get("value")

    def frame(self, action):
        """Does something and waits until it is drawn; the seconds that it took."""
        before, begin = self.value("timeline.frames"), time.monotonic()
        action()
        while self.value("timeline.frames") == before:
            check(time.monotonic() - begin < LIMIT_SECONDS, "nothing is drawn after an event")
            time.sleep(0.005)
        return time.monotonic() - begin

    def wait(self, expression, holds, what):
        """Until a value is as it should be: a frame that is drawn may be one of before the event."""
        begin = time.monotonic()
        while not holds(value := self.value(expression)):
            check(time.monotonic() - begin < LIMIT_SECONDS, f"{what}: {value}")
            time.sleep(0.02)

    def cpu(self):
        """Seconds of processor that Chromium has used."""
        ticks = 0
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if fields[2] == str(self.process.pid):
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def mouse(self, kind, x, y, **more):
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def wheel(self, x, y, by):
        return self.frame(lambda: self.mouse("mouseWheel", x, y, deltaX=0, deltaY=by))

    def key(self, key):
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=key if len(key) == 1 else "")
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def quiet(self, what):
        """Nothing was asked of any network, and nothing went wrong."""
        for event in self.events:
            method, parameters = event.get("method", ""), event.get("params", {})
            if method == "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                check(url.startswith(("file://", "about:")), f"{what} asks for {url}")
            check(method != "Runtime.exceptionThrown", f"{what}: {parameters}")
            check(method != "Log.entryAdded" or parameters["entry"]["level"] != "error", f"{what}: {parameters}")

    def colours(self, canvas):
        return self.value(f"""(() => {{
            const canvas = document.getElementById("{canvas}");
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return new Set(new Uint32Array(data.buffer)).size; }})()""")

    def box(self, canvas):
        return self.value(f"(() => {{ const b = document.getElementById('{canvas}').getBoundingClientRect();"
                          "return [b.left, b.top, b.width, b.height]; })()")


def scene(browser, page, lives, memory, pictures):
    """A recorded program: what is shown is what report and export say."""
    browser.open(page)
    check(browser.value("timeline.count") == len(lives), "allocations are missing")
    check(browser.value("timeline.peak") == memory["peak_bytes"], "the peak is not report's")
    for canvas in ("memory", "lives", "calls"):
        check(browser.colours(canvas) > 5, f"{canvas} is empty")
    for group in ("size", "thread", "process", "device", "surface"):
        browser.frame(lambda: browser.value(f"(() => {{ const g = document.getElementById('group'); g.value = '{group}';"
                                            "g.onchange(); })()"))
        browser.wait("document.querySelectorAll('#legend li').length", lambda lines: lines >= 1, f"no legend by {group}")
    left, top, width, height = browser.box("lives")
    # The longest-lived allocation with a surface: seen under the cursor, selected, and found by its handle.
    life = max((life for life in lives if life.get("hPrivateRuntimeResourceHandle")), key=lambda life: life["lifetime_ns"] or 0)
    number = life["id"]
    place = browser.value(f"timeline.position({number})")
    browser.frame(lambda: browser.mouse("mouseMoved", left + place["x"], top + place["y"]))
    handles = hex(life["hAllocation"]), hex(life["hPrivateRuntimeResourceHandle"])
    browser.wait("document.getElementById('tip').innerText", lambda tip: all(handle in tip for handle in handles),
                 "under the cursor is")
    browser.click(left + place["x"], top + place["y"])
    browser.wait("timeline.selected && timeline.selected.life", lambda selected: selected == number,
                 "a click selects another allocation")
    browser.wait("document.getElementById('details').innerText",
                 lambda text: f"{life['size']:,} B" in text and "DestroyAllocation" in text, "the details are")
    browser.picture(pictures + "/timeline-scene-light.png")
    same = [other for other in lives if life["hPrivateRuntimeResourceHandle"] == other["hPrivateRuntimeResourceHandle"]]
    browser.key("/")
    browser.send("Input.insertText", text=hex(life["hPrivateRuntimeResourceHandle"]))
    browser.wait("timeline.match && timeline.match.lifeCount", lambda count: count == len(same), "a surface's allocations found")
    browser.key("Escape")
    browser.wait("timeline.match && timeline.match.lifeCount", lambda count: count is None, "Esc does not end the search")
    # A point among the calls leads to the call and to what it made.
    left, top, width, height = browser.box("calls")
    browser.wheel(left + width / 2, top + height / 2, -200)
    shown = "(timeline.view.to - timeline.view.from) / timeline.full"
    browser.wait(shown, lambda part: part < 0.9, "the wheel does not zoom")
    browser.frame(lambda: browser.key("0"))
    browser.wait(shown, lambda part: part == 1, "0 does not show all")
    browser.frame(lambda: browser.key("+"))
    browser.frame(lambda: browser.key("ArrowLeft"))
    browser.quiet(page)
    browser.open(page, dark=True)
    browser.picture(pictures + "/timeline-scene-dark.png")
    browser.quiet(page)


def hostile(browser, page):
    """Names that are markup are text."""
    browser.open(page)
    check(browser.value("window.alerted") is None, "a name was run")
    check("</script>" in browser.value("document.getElementById('legend').innerText"), "the name is not shown as it is")
    check(browser.value("document.querySelectorAll('script:not([type])').length") == 1, "a name is a script")
    browser.quiet(page)


def million(browser, page, pictures):
    size = os.path.getsize(page) / (1 << 20)
    opened = browser.open(page)
    count = browser.value("timeline.count")
    check(count >= 1000000, f"only {count} allocations")
    check(size <= 20, f"the page of a million allocations has {size:.1f} MiB")
    browser.picture(pictures + "/timeline-million-light.png")
    left, top, width, height = browser.box("lives")
    browser.wheel(left + width / 2, top + height / 2, -10)
    zooms, work = [], []
    for _ in range(5):
        before = browser.cpu()
        zooms.append(browser.wheel(left + width * 0.4, top + height / 2, -300))
        work.append(browser.cpu() - before)
    # On a machine that is busy with other things a second of the clock says nothing of the page: then its own work counts.
    check(sorted(zooms)[2] < 1 or 0 < sorted(work)[2] < 1, f"zooms took {zooms} s, and {work} s of work")
    browser.picture(pictures + "/timeline-million-zoomed.png")
    browser.quiet(page)
    browser.open(page, dark=True)
    browser.picture(pictures + "/timeline-million-dark.png")
    print(f"page of {count} allocations: {size:.1f} MiB, opens in {opened:.2f} s, zooms in "
          f"{sorted(zooms)[2] * 1000:.0f} ms ({sorted(work)[2] * 1000:.0f} ms of work; of 5 the median)")


def main():
    scene_page, scene_lives, scene_report, hostile_page, million_page, pictures = sys.argv[1:]
    with open(scene_lives) as file:
        lives = [json.loads(line) for line in file]
    with open(scene_report) as file:
        memory = json.load(file)["summary"]["memory"]
    browser = Browser()
    try:
        scene(browser, scene_page, lives, memory, pictures)
        hostile(browser, hostile_page)
        million(browser, million_page, pictures)
    finally:
        browser.close()


main()
