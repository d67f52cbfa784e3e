"use strict";
/* Draws what the page's columns hold. Allocations are in the order of their births, calls in that of their ends; times are ns since
   the first call began. Text of the trace is put in by textContent alone. */
(async () => {
const $ = id => document.getElementById(id);
const hint = text => { $("wait").textContent = text; return new Promise(done => setTimeout(done)); };

/* Columns. */

const raw = {};
const column = async element => {
  const text = atob(element.textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++)
    bytes[i] = text.charCodeAt(i);
  element.textContent = "";
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  raw[element.id] = { bytes: new Uint8Array(await new Response(stream).arrayBuffer()), count: +element.dataset.count };
};
await hint("Reading the page…");
for (const element of document.querySelectorAll("script[type='application/octet-stream']"))
  await column(element);

const PLAIN = 0, SIGNED = 1, DIFFERENCE = 2;
const numbers = (name, how, Type = Float64Array) => {
  const { bytes, count } = raw[name], out = new Type(count);
  for (let i = 0, at = 0, last = 0; i < count; i++) {
    let byte = bytes[at++], value = byte & 127;
    for (let scale = 128; byte > 127; scale *= 128) {
      byte = bytes[at++];
      value += (byte & 127) * scale;
    }
    if (how !== PLAIN)
      value = value < 2147483648 ? value >>> 1 ^ -(value & 1) : value % 2 ? -(value + 1) / 2 : value / 2;
    out[i] = how === DIFFERENCE ? last += value : value;
  }
  delete raw[name];
  return out;
};
/* 64 bits do not fit a number. */
const addresses = name => {
  const { bytes, count } = raw[name], out = new BigUint64Array(count);
  for (let i = 0, at = 0; i < count; i++) {
    let shift = 0n, value = 0n, byte;
    do {
      byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
    } while (byte > 127);
    out[i] = value;
  }
  return out;
};

const about = JSON.parse(new TextDecoder().decode(raw.text.bytes));
await hint("Laying out…");
const FAILED = 1, NESTED = 2, RETRY = 4, END = 7, BY_CALL = 8, IMPORTED = 16, BOUND = 32, OUTLIVED = 64, UNKNOWN = 0;

const call = { begin: numbers("call_begin", DIFFERENCE), kind: numbers("call_kind", PLAIN, Uint16Array),
  thread: numbers("call_thread", PLAIN, Uint32Array), marks: numbers("call_marks", PLAIN, Uint8Array) };
const calls = call.begin.length;
call.end = numbers("call_duration", PLAIN);
call.number = numbers("call_number", SIGNED);
call.code = new Map();
call.log = new Float32Array(calls);
const completed = new Float64Array(calls); /* when a call's effect counts: ends, never going back */
{
  const codes = numbers("call_code", PLAIN), newest = new Float64Array(about.threads.length);
  for (let i = 0, code = 0, last = 0; i < calls; i++) {
    call.log[i] = Math.log10(Math.max(call.end[i], 1));
    call.end[i] += call.begin[i];
    call.number[i] = newest[call.thread[i]] += call.number[i] + 1;
    completed[i] = last = Math.max(last, call.end[i]);
    if (call.marks[i] & FAILED)
      call.code.set(i, codes[code++]);
  }
}
const surface = { address: addresses("surface_address"), name: numbers("surface_name", PLAIN, Uint32Array),
  process: numbers("surface_process", PLAIN, Uint32Array) };

/* Rows come in the order of their ends: births puts them in that of the creates. */
const life = {}, count = raw.create.count;
const deaths = new Uint32Array(count); /* allocations in the order of their ends */
{
  const create = numbers("create", DIFFERENCE, Uint32Array), place = new Uint32Array(calls + 1), to = deaths;
  for (const at of create)
    place[at + 1]++;
  for (let i = 0; i < calls; i++)
    place[i + 1] += place[i];
  const element = numbers("element", PLAIN, Uint16Array);
  for (let i = 0; i < count; i++)
    to[i] = place[create[i]] + element[i];
  const sorted = (values, Type) => {
    const out = new Type(count);
    for (let i = 0; i < count; i++)
      out[to[i]] = values[i];
    return out;
  };
  const flags = numbers("flags", PLAIN, Uint8Array), died = numbers("died", SIGNED), ends = numbers("end", DIFFERENCE);
  const handleDied = numbers("handle_died", SIGNED), handleEnd = numbers("handle_end", PLAIN);
  const gone = new Float64Array(count), outlived = new Map();
  for (let i = 0, sparse = 0, rare = 0; i < count; i++) {
    const born = call.end[create[i]];
    gone[i] = (flags[i] & END) === 0 ? about.end : flags[i] & BY_CALL ? call.begin[ends[i] - 1] : died[sparse++];
    gone[i] = Math.max(gone[i], born);
    if (flags[i] & OUTLIVED)
      outlived.set(to[i], [handleDied[rare], handleEnd[rare++]]);
  }
  life.create = sorted(create, Uint32Array);
  life.flags = sorted(flags, Uint8Array);
  life.ends = sorted(ends, Uint32Array);
  life.died = sorted(gone, Float64Array);
  life.outlived = outlived;
  life.origin = sorted(numbers("origin", PLAIN, Uint8Array), Uint8Array);
  life.size = sorted(numbers("size", PLAIN), Float64Array);
  for (const name of ["handle", "owner", "resource", "surface"])
    life[name] = sorted(numbers(name, DIFFERENCE), Uint32Array);
  life.device = sorted(numbers("device", PLAIN, Uint32Array), Uint32Array);
  life.dmaBuf = sorted(numbers("dma_buf", PLAIN), Float64Array);
}
const born = i => call.end[life.create[i]];
const counted = new Float64Array(count); /* bytes, unless unknown or another's */
for (let i = 0; i < count; i++)
  counted[i] = life.flags[i] & IMPORTED ? 0 : life.size[i];

/* Births and deaths in the order in which calls completed, as report counts: i, or ~i for a death. */
let steps = 0;
const step = new Int32Array(2 * count), stepTime = new Float64Array(2 * count);
{
  let next = 0, last = 0;
  const births = limit => {
    for (; next < count && life.create[next] <= limit; next++) {
      stepTime[steps] = last = Math.max(last, completed[life.create[next]]);
      step[steps++] = next;
    }
  };
  for (const i of deaths) {
    if ((life.flags[i] & END) === 0)
      continue;
    const before = life.ends[i] - 1;
    births(before);
    const time = life.flags[i] & BY_CALL ? completed[before] : Math.max(before < 0 ? 0 : completed[before], life.died[i]);
    stepTime[steps] = last = Math.max(last, time);
    step[steps++] = ~i;
  }
  births(calls);
}
/* Which calls made or ended something. */
const OTHER = 0, CREATES = 1, ENDS = 2, FAILS = 3;
const category = new Uint8Array(calls);
for (let i = 0; i < count; i++) {
  category[life.create[i]] = CREATES;
  if (life.flags[i] & BY_CALL)
    category[life.ends[i] - 1] = ENDS;
}
for (let i = 0; i < calls; i++)
  if (call.marks[i] & FAILED)
    category[i] = FAILS;
const rest = raw.rest.count ? numbers("rest", DIFFERENCE) : null;
const restAt = time => {
  if (!rest)
    return 0;
  const part = (time - about.restFirst) / (about.restLast - about.restFirst + 1);
  return rest[Math.max(0, Math.min(rest.length - 1, Math.floor(part * rest.length)))];
};

/* Text. */

const hex = value => "0x" + value.toString(16);
const group3 = value => Math.round(value).toLocaleString("en");
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const bytes = value => {
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1)
    value /= 1024, unit++;
  return (value >= 100 || Number.isInteger(value) ? Math.round(value) : +value.toPrecision(3)) + " " + UNITS[unit];
};
const TIMES = [[1, "ns"], [1e3, "µs"], [1e6, "ms"], [1e9, "s"]];
const timeUnit = value => TIMES[value >= 1e9 ? 3 : value >= 1e6 ? 2 : value >= 1e3 ? 1 : 0];
const duration = value => {
  const [scale, unit] = timeUnit(Math.abs(value));
  return +(value / scale).toPrecision(4) + " " + unit;
};
const at = value => { /* to the nanosecond, in threes behind the point */
  const [whole, part] = (value / 1e9).toFixed(9).split(".");
  return whole + "." + part.replace(/(\d{3})(?=\d)/g, "$1 ") + " s";
};
const about3 = value => { /* short: for heads */
  const [scale, unit] = timeUnit(value);
  return (value / scale).toFixed(2) + " " + unit;
};
const wall = value => {
  const ns = BigInt(about.origin) + BigInt(Math.round(value));
  const text = new Date(Number(ns / 1000000n)).toISOString().replace("T", " ").replace("Z", "");
  return text + String(ns % 1000000n).padStart(6, "0") + " UTC";
};
const plural = (value, what) => group3(value) + " " + what + (value === 1 ? "" : "s");
const threadText = t => `${about.processes[about.threads[t][0]][0]}, thread ${about.threads[t][1]} (tid ${about.threads[t][2]})`;
const surfaceText = s => {
  const name = about.labels[surface.name[s] >> 1], d3dkmt = surface.name[s] & 1, address = hex(surface.address[s]);
  if (!d3dkmt)
    return name || "unnamed buffers";
  return name ? `${name} (${address})` : surface.address[s] ? address : "no surface";
};
const sizeText = i => life.origin[i] === UNKNOWN ? "unknown" : (life.flags[i] & BOUND ? "≥ " : "") + bytes(life.size[i]);
const callText = c => about.kinds[call.kind[c]][1];
const resultText = c => {
  if (!(call.marks[c] & FAILED))
    return "success";
  const code = call.code.get(c);
  return about.kinds[call.kind[c]][0] === "d3dkmt" ? "NTSTATUS 0x" + code.toString(16).toUpperCase().padStart(8, "0")
    : about.errors[code] || "errno " + code;
};

/* Groups. */

const SLOTS = 9; /* groups of their own; the others are one */
const sizeClass = i => {
  if (life.origin[i] === UNKNOWN)
    return about.classes.length - 1;
  let size = 0;
  while (size < about.classes.length - 2 && life.size[i] > 4096 * 4 ** size)
    size++;
  return size;
};
let groupsOfSurfaces;
const surfaceGroups = () => {
  if (groupsOfSurfaces)
    return groupsOfSurfaces;
  const named = new Map(), of = new Uint32Array(surface.name.length), first = [];
  for (let s = 0; s < of.length; s++) {
    const key = surface.name[s] > 1 ? surface.process[s] * 2 ** 32 + surface.name[s] : null;
    let group = key === null ? undefined : named.get(key);
    if (group === undefined) {
      group = first.length;
      first.push(s);
      if (key !== null)
        named.set(key, group);
    }
    of[s] = group;
  }
  const several = new Uint32Array(first.length);
  for (let s = 0; s < of.length; s++)
    several[of[s]]++;
  return groupsOfSurfaces = { of, first, several };
};
const MODES = {
  surface: () => {
    const { of, first, several } = surfaceGroups();
    return { of: i => of[life.surface[i]], count: first.length, what: "surface",
      text: g => several[g] > 1 ? about.labels[surface.name[first[g]] >> 1] : surfaceText(first[g]) };
  },
  size: () => ({ of: sizeClass, count: about.classes.length, text: g => about.classes[g], ordered: true, what: "size class" }),
  thread: () => ({ of: i => call.thread[life.create[i]], count: about.threads.length, text: threadText, what: "thread" }),
  process: () => ({ of: i => about.threads[call.thread[life.create[i]]][0], count: about.processes.length,
    text: g => about.processes[g][0], what: "process" }),
  device: () => ({ of: i => life.device[i], count: about.devices.length, text: g => about.devices[g], what: "device" }),
};
const OTHERS_TEXT = { surface: "surfaces", size: "size classes", thread: "threads", process: "processes", device: "devices" };

/* For a mode: slots with their share of everything, and each allocation's slot, lane, and curve. */
const layouts = {};
const layoutOf = name => {
  if (layouts[name])
    return layouts[name];
  const mode = MODES[name](), live = new Float64Array(mode.count), peak = new Float64Array(mode.count);
  const made = new Float64Array(mode.count), group = new Uint32Array(count);
  for (let i = 0; i < count; i++)
    made[group[i] = mode.of(i)]++;
  for (let k = 0; k < steps; k++) {
    const i = step[k], g = group[i < 0 ? ~i : i];
    live[g] += i < 0 ? -counted[~i] : counted[i];
    if (live[g] > peak[g])
      peak[g] = live[g];
  }
  let order = [];
  for (let g = 0; g < mode.count; g++) { /* the largest; at most SLOTS are kept on the way */
    if (!made[g])
      continue;
    const smaller = (a, b) => peak[b] - peak[a] || made[b] - made[a] || a - b;
    if (mode.ordered || order.length < SLOTS + 1 || smaller(g, order[SLOTS]) < 0) {
      order.push(g);
      if (!mode.ordered) {
        order.sort(smaller);
        order.length = Math.min(order.length, SLOTS + 1);
      }
    }
  }
  const groups = made.reduce((sum, some) => sum + (some > 0), 0);
  if (!mode.ordered && groups > SLOTS + 1)
    order.length = SLOTS;
  const slotOf = new Uint8Array(mode.count).fill(order.length), slots = order.map(g => ({ text: mode.text(g), peak: peak[g],
    group: g }));
  order.forEach((g, slot) => { slotOf[g] = slot; });
  if (groups > order.length)
    slots.push({ text: `${group3(groups - order.length)} other ${OTHERS_TEXT[name]}`, others: true, peak: 0 });
  const slot = new Uint8Array(count), lane = new Uint32Array(count);
  for (let i = 0; i < count; i++)
    slot[i] = slotOf[group[i]];
  for (const one of slots)
    Object.assign(one, { count: 0, lanes: 0, free: [], live: 0, peak: 0, steps: 0, shown: true });
  for (let i = 0; i < count; i++)
    slots[slot[i]].count++;
  const heapAdd = (heap, value) => {
    let k = heap.push(value) - 1;
    for (let up; k && heap[up = (k - 1) >> 1] > value; k = up)
      heap[k] = heap[up];
    heap[k] = value;
  };
  const heapTake = heap => {
    const least = heap[0], value = heap.pop();
    let k = 0;
    for (let down; (down = 2 * k + 1) < heap.length; k = down) {
      if (down + 1 < heap.length && heap[down + 1] < heap[down])
        down++;
      if (heap[down] >= value)
        break;
      heap[k] = heap[down];
    }
    if (heap.length)
      heap[k] = value;
    return least;
  };
  for (let k = 0; k < steps; k++) {
    const death = step[k] < 0, i = death ? ~step[k] : step[k], one = slots[slot[i]];
    one.steps += counted[i] > 0;
    if (death)
      heapAdd(one.free, lane[i]);
    else
      lane[i] = one.free.length ? heapTake(one.free) : one.lanes++;
  }
  for (const one of slots)
    Object.assign(one, { at: new Uint32Array(one.steps + 1), value: new Float64Array(one.steps + 1), steps: 1, free: null });
  for (let k = 0; k < steps; k++) {
    const death = step[k] < 0, i = death ? ~step[k] : step[k], one = slots[slot[i]];
    if (!counted[i])
      continue;
    one.live += death ? -counted[i] : counted[i];
    one.peak = Math.max(one.peak, one.live);
    one.at[one.steps] = k + 1;
    one.value[one.steps++] = one.live;
  }
  return layouts[name] = { name, slot, lane, slots, what: mode.what, ordered: mode.ordered };
};

/* Colours: told apart by those who see few, and never the only mark: bands and rows carry the number of the legend. */
const dark = matchMedia("(prefers-color-scheme: dark)");
const HUES = { light: ["#77aadd", "#ee8866", "#44bb99", "#eedd88", "#aa4499", "#99ddff", "#aaaa00", "#ffaabb", "#117733", "#c9ced6"],
  dark: ["#6699cc", "#ee7744", "#33aa88", "#ddcc66", "#cc66bb", "#88ccee", "#999933", "#ee99aa", "#2e8b57", "#6b7280"] };
const RAMP = ["#fde725", "#c8e020", "#90d743", "#5ec962", "#35b779", "#20a486", "#21918c", "#287c8e", "#31688e", "#3b528b", "#8a6fd0",
  "#b05fc0", "#9aa0aa"];
const POINTS = { light: ["#6b7280", "#0b6bcb", "#c2500a", "#c2185b"], dark: ["#8b93a1", "#6fb1ff", "#ffa04d", "#ff6fa3"] };
const SHAPES = ["●", "▲", "▼", "✕"], CATEGORIES = ["other", "makes allocations", "ends allocations", "failed"];
let css = {};
const theme = () => dark.matches ? "dark" : "light";
const readColours = () => {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "dim", "line", "back", "panel", "mark"])
    css[name] = style.getPropertyValue("--" + name).trim();
};
const colourOf = (layout, s) => layout.ordered ? RAMP[layout.slots[s].group] : layout.slots[s].others ?
  HUES[theme()][9] : HUES[theme()][s];
const rgb = text => {
  const full = text.length === 4 ? "#" + [...text.slice(1)].map(c => c + c).join("") : text;
  return [1, 3, 5].map(k => parseInt(full.slice(k, k + 2), 16));
};
const inkOn = text => { /* black or white, whichever stands out */
  const [r, g, b] = rgb(text);
  return 0.3 * r + 0.59 * g + 0.11 * b > 125 ? "#000" : "#fff";
};
const pixel = (text, share = 1) => { /* mixed with the background; little-endian RGBA */
  const over = rgb(text), under = rgb(css.back);
  const [r, g, b] = over.map((value, k) => Math.round(value * share + under[k] * (1 - share)));
  return (255 << 24 | b << 16 | g << 8 | r) >>> 0;
};

/* What is shown. */

const FULL = Math.max(about.end, 1);
const LEFT = 78, RIGHT = 12, AXIS = 18;
const view = { from: 0, to: FULL };
let layout, total, selected = null, hover = null, match = null, drag = null, lastDraw = 0, wanted = false;
const canvases = { overview: $("overview"), memory: $("memory"), lives: $("lives"), calls: $("calls") };
const totals = () => { /* of the shown groups, after each step */
  total = new Float64Array(steps + 1);
  let highest = 0;
  for (let k = 0; k < steps; k++) {
    const i = step[k] < 0 ? ~step[k] : step[k];
    const change = layout.slots[layout.slot[i]].shown ? counted[i] : 0;
    total[k + 1] = total[k] + (step[k] < 0 ? -change : change);
    if (total[k + 1] > total[highest])
      highest = k + 1;
  }
  return highest;
};
const search = (list, value, length = list.length) => { /* the first place whose entry is above value */
  let low = 0, high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] > value)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
};
const valueAt = (one, k) => one.value[search(one.at, k) - 1];
const prepared = canvas => {
  const scale = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const draw = canvas.getContext("2d");
  draw.setTransform(scale, 0, 0, scale, 0, 0);
  draw.clearRect(0, 0, width, height);
  draw.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  return { draw, width, height, scale, plot: Math.max(10, width - LEFT - RIGHT) };
};
const xOf = (time, plot) => LEFT + (time - view.from) / (view.to - view.from) * plot;
const timeOf = (x, plot) => view.from + (x - LEFT) / plot * (view.to - view.from);

const tickStep = (span, most) => {
  const rough = span / most, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map(k => k * power).find(k => k >= rough);
};
/* Times below each view. Where the numbers would be long they count from the left edge's. */
const timeAxis = ({ draw, width, height, plot }, labels) => {
  const span = view.to - view.from, gap = Math.max(1, tickStep(span, plot / 110)), far = view.from / gap > 9999;
  const base = far ? Math.floor(view.from / gap) * gap : 0, [scale, unit] = timeUnit(far ? span : view.to);
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(gap / scale) - 1e-9)));
  draw.textAlign = "center";
  draw.textBaseline = "top";
  for (let time = Math.ceil(view.from / gap) * gap; time <= view.to; time += gap) {
    const x = xOf(time, plot), text = (far ? "+" : "") + ((time - base) / scale).toFixed(digits) + " " + unit;
    draw.fillStyle = css.line;
    draw.fillRect(x, 0, 1, height - AXIS + 3);
    draw.fillStyle = css.dim;
    const half = draw.measureText(text).width / 2;
    if (labels && x - half > (far ? LEFT + 4 : 0) && x + half < width)
      draw.fillText(text, x, height - AXIS + 5);
  }
  if (far && labels) {
    draw.textAlign = "left";
    draw.fillText(at(base), 0, height - AXIS + 5);
  }
};
const byteTicks = most => {
  let gap = 1;
  while (most / gap > 5)
    gap *= 2;
  const ticks = [];
  for (let value = 0; value <= most; value += gap)
    ticks.push(value);
  return ticks;
};

/* For each pixel the step with most bytes in it, so that no peak is lost. */
const columnsOf = plot => {
  const best = new Int32Array(plot);
  let k = search(stepTime, view.from, steps);
  for (let x = 0; x < plot; x++) {
    const until = view.from + (x + 1) / plot * (view.to - view.from);
    let highest = k;
    for (; k < steps && stepTime[k] <= until; k++)
      if (total[k + 1] > total[highest])
        highest = k + 1;
    best[x] = highest;
  }
  return best;
};
let memoryScale = { most: 1, columns: new Int32Array(1) };
const drawMemory = () => {
  const on = prepared(canvases.memory), { draw, height, plot } = on, bottom = height - AXIS, wide = Math.floor(plot);
  const columns = columnsOf(wide), top = new Float64Array(wide), low = new Float64Array(wide);
  const timeAtColumn = x => view.from + (x + 0.5) / wide * (view.to - view.from);
  let most = 0, mostAt = 0;
  for (let x = 0; x < wide; x++) {
    const all = total[columns[x]] + restAt(timeAtColumn(x));
    if (all > most)
      most = all, mostAt = x;
  }
  memoryScale = { most: most * 1.06 || 1, columns, wide };
  const yOf = value => bottom - value / memoryScale.most * (bottom - 6);
  timeAxis(on, true);
  draw.textAlign = "right";
  draw.textBaseline = "middle";
  for (const tick of byteTicks(memoryScale.most)) {
    draw.fillStyle = css.line;
    draw.fillRect(LEFT, Math.round(yOf(tick)), plot, 1);
    draw.fillStyle = css.dim;
    draw.fillText(bytes(tick), LEFT - 6, Math.max(6, yOf(tick)));
  }
  const band = (colour, label, values) => {
    let thick = 0, thickAt = 0;
    for (let x = 0; x < wide; x++) {
      low[x] = top[x];
      top[x] += values(x);
      if (top[x] - low[x] > thick)
        thick = top[x] - low[x], thickAt = x;
    }
    if (!thick)
      return null;
    draw.beginPath();
    draw.moveTo(LEFT, yOf(low[0]));
    for (let x = 0; x < wide; x++) {
      draw.lineTo(LEFT + x, yOf(top[x]));
      draw.lineTo(LEFT + x + 1, yOf(top[x]));
    }
    for (let x = wide - 1; x >= 0; x--) {
      draw.lineTo(LEFT + x + 1, yOf(low[x]));
      draw.lineTo(LEFT + x, yOf(low[x]));
    }
    draw.closePath();
    draw.fillStyle = colour;
    draw.fill();
    draw.strokeStyle = css.back;
    draw.lineWidth = 0.7;
    draw.stroke();
    if (yOf(low[thickAt]) - yOf(top[thickAt]) < 15)
      return null;
    let from = thickAt, to = thickAt; /* as far as a line of text has room at this height */
    const y = (yOf(low[thickAt]) + yOf(top[thickAt])) / 2;
    while (from > 0 && yOf(top[from - 1]) < y - 7 && yOf(low[from - 1]) > y + 7)
      from--;
    while (to < wide - 1 && yOf(top[to + 1]) < y - 7 && yOf(low[to + 1]) > y + 7)
      to++;
    return { label, colour, y, x: LEFT + (from + to) / 2, room: to - from };
  };
  const texts = [];
  if (rest)
    texts.push(band(css.line, "not shown singly", x => restAt(timeAtColumn(x))));
  layout.slots.forEach((one, s) => {
    if (one.shown)
      texts.push(band(colourOf(layout, s), `${s + 1} ${one.text}`, x => valueAt(one, columns[x])));
  });
  draw.textAlign = "center";
  draw.textBaseline = "middle";
  for (const text of texts)
    if (text && text.room > 14) {
      draw.fillStyle = inkOn(text.colour);
      draw.fillText(draw.measureText(text.label).width + 8 < text.room ? text.label : text.label.split(" ")[0], text.x, text.y);
    }
  $("memory-says").textContent = `bytes; most in this range ${bytes(most)} at ${about3(timeAtColumn(mostAt))}, by ${layout.what}`;
};

/* Lives: a row of lanes a group. */
let rows = [];
const drawLives = () => {
  const on = prepared(canvases.lives), { draw, height, plot, scale } = on, room = height - AXIS - 4;
  const shown = layout.slots.map((one, s) => s).filter(s => layout.slots[s].shown && layout.slots[s].lanes);
  const lanes = shown.reduce((sum, s) => sum + layout.slots[s].lanes, 0), least = Math.min(15, room / Math.max(1, shown.length));
  const spare = Math.max(0, room - least * shown.length), laneMost = 16;
  rows = [];
  let y = 2;
  for (const s of shown) {
    const one = layout.slots[s], high = Math.min(least + spare * one.lanes / lanes, Math.max(least, one.lanes * laneMost));
    rows[s] = { top: y, high, lane: high / one.lanes };
    y += high;
  }
  timeAxis(on, true);
  draw.textAlign = "right";
  draw.textBaseline = "middle";
  for (const s of shown) {
    const row = rows[s];
    draw.fillStyle = css.line;
    draw.fillRect(LEFT, row.top + row.high - 0.5, plot, 1);
    if (row.high < 9)
      continue;
    draw.fillStyle = colourOf(layout, s);
    draw.fillRect(LEFT - 24, row.top + 1, 20, row.high - 3);
    draw.textAlign = "center";
    draw.fillStyle = inkOn(colourOf(layout, s));
    draw.fillText(s + 1, LEFT - 14, row.top + row.high / 2);
    draw.textAlign = "right";
    draw.fillStyle = css.dim;
    draw.fillText(plural(layout.slots[s].lanes, "").trim().replace(/s$/, ""), LEFT - 28, row.top + row.high / 2);
  }
  const wide = Math.floor(plot * scale), tall = Math.floor((height - AXIS) * scale);
  if (wide < 1 || tall < 1)
    return;
  const offset = Math.round(LEFT * scale), image = draw.getImageData(offset, 0, wide, tall),
    pixels = new Uint32Array(image.data.buffer);
  const weights = new Float64Array(lanes > room ? wide * tall : 0), perTime = wide / (view.to - view.from);
  const full = layout.slots.map((one, s) => pixel(colourOf(layout, s))), faint = layout.slots.map((one,
    s) => pixel(colourOf(layout, s), 0.22));
  const back = pixel(css.back);
  let visible = 0;
  const filled = new Int32Array(shown.reduce((most, s) => Math.max(most, layout.slots[s].lanes), 0) * (layout.slots.length ||
    1)).fill(-1);
  const stride = layout.slots.length ? filled.length / layout.slots.length : 0, shrunk = lanes > room;
  for (let i = 0; i < count; i++) {
    const row = rows[layout.slot[i]], from = call.end[life.create[i]];
    const ended = life.flags[i] & BY_CALL ? call.end[life.ends[i] - 1] : life.died[i];
    if (!row || from > view.to || ended < view.from)
      continue;
    visible++;
    const x0 = Math.max(0, Math.floor((from - view.from) * perTime)), x1 = Math.min(wide - 1,
      Math.floor((life.died[i] - view.from) * perTime));
    const place = layout.slot[i] * stride + layout.lane[i];
    const tail = Math.max(x1, Math.min(wide - 1, Math.floor((ended - view.from) * perTime))); /* while the call that ends it runs */
    if (tail <= filled[place] && !match)
      continue; /* what was there before covers its pixels */
    filled[place] = tail;
    const from0 = row.top + layout.lane[i] * row.lane, y0 = Math.floor(from0 * scale);
    const gap = row.lane >= 3 ? 1 : 0, y1 = Math.min(tall - 1, Math.max(y0, Math.floor((from0 + row.lane) * scale) - 1 - gap));
    const colour = match && !match.lives[i] ? faint[layout.slot[i]] : full[layout.slot[i]];
    const weight = (match && match.lives[i] ? 1e18 : 0) + life.size[i] + 1;
    for (let line = y0; line <= y1; line++)
      for (let p = line * wide + x0, end = line * wide + x1; p <= end; p++)
        if (!shrunk)
          pixels[p] = colour;
        else if (weights[p] < weight) {
          weights[p] = weight;
          pixels[p] = colour;
        }
    for (let line = y0; line <= y1 && tail > x1 && !shrunk; line++)
      pixels.fill(faint[layout.slot[i]], line * wide + Math.max(0, x1 + 1), line * wide + tail + 1);
    if (row.lane >= 5 && x1 - x0 > 4) /* where one begins */
      for (let line = y0; line <= y1; line++)
        pixels[line * wide + x0] = back;
  }
  draw.putImageData(image, offset, 0);
  $("lives-says").textContent = `${plural(visible, "allocation")} in this range; a lane each while alive, faint while it is being ended` +
    (shrunk ? ", the largest where lanes share a pixel" : "");
};

/* Calls: when and how long. */
const logRange = () => {
  let low = Infinity, high = -Infinity;
  for (let c = 0; c < calls; c++) {
    low = Math.min(low, call.log[c]);
    high = Math.max(high, call.log[c]);
  }
  low = Math.max(0, Math.floor(low));
  return { low, high: Math.max(low + 1, Math.ceil(high)) };
};
const logs = calls ? logRange() : { low: 2, high: 6 };
const yOfLog = (log, height) => height - AXIS - 4 - (log - logs.low) / (logs.high - logs.low) * (height - AXIS - 12);
const shape = (draw, kind, x, y, size) => {
  draw.beginPath();
  if (kind === OTHER) {
    draw.arc(x, y, size * 0.75, 0, 7);
  } else if (kind === FAILS) {
    draw.moveTo(x - size, y - size);
    draw.lineTo(x + size, y + size);
    draw.moveTo(x + size, y - size);
    draw.lineTo(x - size, y + size);
    draw.lineWidth = 2;
    draw.stroke();
    return;
  } else {
    const up = kind === CREATES ? -1 : 1;
    draw.moveTo(x, y + up * size);
    draw.lineTo(x - size, y - up * size * 0.8);
    draw.lineTo(x + size, y - up * size * 0.8);
    draw.closePath();
  }
  draw.fill();
};
const FEW = 4000;
const drawCalls = () => {
  const on = prepared(canvases.calls), { draw, height, plot, scale } = on;
  timeAxis(on, true);
  draw.textAlign = "right";
  draw.textBaseline = "middle";
  for (let log = logs.low; log <= logs.high; log++) {
    const y = Math.round(yOfLog(log, height));
    draw.fillStyle = css.line;
    draw.fillRect(LEFT, y, plot, 1);
    draw.fillStyle = css.dim;
    draw.fillText(duration(10 ** log), LEFT - 6, y);
  }
  const wide = Math.floor(plot * scale), tall = Math.floor((height - AXIS) * scale), perTime = wide / (view.to - view.from);
  if (wide < 2 || tall < 2)
    return;
  const seen = [];
  let visible = 0, slowest = -1;
  const hits = new Uint16Array(wide * tall), kinds = new Uint8Array(wide * tall); /* kinds: a bit each */
  const top = yOfLog(logs.high, height) * scale, perLog = (yOfLog(logs.low, height) - yOfLog(logs.high, height)) *
    scale / (logs.high - logs.low);
  for (let c = 0; c < calls; c++) {
    const begin = call.begin[c];
    if (begin > view.to || begin < view.from || (match && !match.calls[c] && seen.length > FEW))
      continue;
    visible++;
    if (slowest < 0 || call.log[c] > call.log[slowest])
      slowest = c;
    if (seen.length <= FEW)
      seen.push(c);
    const x = Math.min(wide - 1, Math.floor((begin - view.from) * perTime)), y = Math.min(tall - 1, Math.floor(top +
      (logs.high - call.log[c]) * perLog));
    const p = Math.max(0, y) * wide + x;
    if (hits[p] < 65535)
      hits[p]++;
    kinds[p] |= 1 << category[c];
  }
  const colours = POINTS[theme()];
  if (seen.length <= FEW) {
    for (const c of seen) {
      draw.globalAlpha = match && !match.calls[c] ? 0.15 : 0.85;
      draw.fillStyle = draw.strokeStyle = colours[category[c]];
      shape(draw, category[c], xOf(call.begin[c], plot), yOfLog(call.log[c], height), seen.length < 300 ? 5 : 3.5);
    }
    draw.globalAlpha = 1;
  } else {
    const offset = Math.round(LEFT * scale), image = draw.getImageData(offset, 0, wide, tall),
      pixels = new Uint32Array(image.data.buffer);
    const most = Math.log2(hits.reduce((a, b) => Math.max(a, b), 2)), shades = colours.map(colour => [0.4, 0.52, 0.64, 0.76,
      0.88, 1].map(share => pixel(colour, share)));
    const turns = Array.from({ length: 16 }, (none, bits) => bits & 1 << FAILS ? [FAILS] : [OTHER, CREATES,
      ENDS].filter(kind => bits & 1 << kind));
    for (let y = 0; y < tall; y++)
      for (let x = 0, p = y * wide; x < wide; x++, p++) {
        if (!hits[p])
          continue;
        const turn = turns[kinds[p]]; /* kinds that share a place are stripes */
        const colour = shades[turn[((x + y) >> 2) % turn.length]][Math.min(5, Math.floor(Math.log2(hits[p]) / most * 6))];
        pixels[p] = colour;
        if (x + 1 < wide && !hits[p + 1])
          pixels[p + 1] = colour;
        if (y + 1 < tall && !hits[p + wide])
          pixels[p + wide] = colour;
      }
    draw.putImageData(image, offset, 0);
  }
  $("calls-says").textContent = `duration, log scale; ${plural(visible, "call")} in this range` + (slowest < 0 ? "" :
    `, slowest ${duration(call.end[slowest] - call.begin[slowest])} (${callText(slowest)})`) + (seen.length > FEW ?
      "; darker: more calls" : "");
};

const drawOverview = () => {
  const { draw, height, plot } = prepared(canvases.overview), wide = Math.floor(plot), kept = { ...view };
  Object.assign(view, { from: 0, to: FULL });
  const columns = columnsOf(wide);
  Object.assign(view, kept);
  let most = 1;
  for (let x = 0; x < wide; x++)
    most = Math.max(most, total[columns[x]] + restAt((x + 0.5) / wide * FULL));
  draw.fillStyle = css.panel;
  draw.fillRect(LEFT, 0, plot, height - 4);
  draw.fillStyle = css.dim;
  draw.globalAlpha = 0.55;
  for (let x = 0; x < wide; x++) {
    const high = (total[columns[x]] + restAt((x + 0.5) / wide * FULL)) / most * (height - 8);
    draw.fillRect(LEFT + x, height - 4 - high, 1, high);
  }
  draw.globalAlpha = 1;
  draw.textAlign = "right";
  draw.textBaseline = "middle";
  draw.fillText("whole", LEFT - 6, height / 2 - 9);
  draw.fillText(duration(FULL), LEFT - 6, height / 2 + 5);
  const x0 = LEFT + view.from / FULL * plot, x1 = Math.max(x0 + 2, LEFT + view.to / FULL * plot);
  draw.strokeStyle = css.mark;
  draw.lineWidth = 2;
  draw.strokeRect(x0 + 1, 1, x1 - x0 - 2, height - 6);
};

/* What is selected, and where the cursor is, on top of all views. */
const ring = (draw, x, y) => {
  for (const [colour, width] of [[css.back, 5], [css.mark, 2.5]]) {
    draw.beginPath();
    draw.arc(x, y, 8, 0, 7);
    draw.strokeStyle = colour;
    draw.lineWidth = width;
    draw.stroke();
  }
};
const within = x => Math.max(LEFT, Math.min(x, 1e6));
const madeBy = c => [search(life.create, c - 0.5), search(life.create, c)];
let endOrder; /* allocations that calls ended, by call */
const endedBy = c => {
  if (!endOrder) {
    const list = deaths.filter(i => life.flags[i] & BY_CALL);
    endOrder = { list, key: Float64Array.from(list, i => life.ends[i] - 1) };
  }
  return endOrder.list.slice(search(endOrder.key, c - 0.5), search(endOrder.key, c));
};
const linked = () => { /* allocations and calls to mark */
  if (!selected)
    return { lives: [], calls: [] };
  if (selected.life !== undefined) {
    const i = selected.life;
    return { lives: [i], calls: [life.create[i]].concat(life.flags[i] & BY_CALL ? [life.ends[i] - 1] : []) };
  }
  const [from, to] = madeBy(selected.call), lives = [];
  for (let i = from; i < Math.min(to, from + 50); i++)
    lives.push(i);
  return { lives: lives.concat([...endedBy(selected.call).slice(0, 50)]), calls: [selected.call] };
};
const drawMarks = () => {
  const { lives, calls: marked } = linked();
  for (const [name, canvas] of Object.entries(canvases)) {
    const draw = canvas.getContext("2d"), width = canvas.clientWidth, height = canvas.clientHeight, plot = Math.max(10,
      width - LEFT - RIGHT);
    if (name === "overview")
      continue;
    draw.save();
    draw.beginPath();
    draw.rect(LEFT, 0, plot, height);
    draw.clip();
    for (const i of lives) {
      const x0 = xOf(born(i), plot), x1 = Math.max(x0 + 2, xOf(life.died[i], plot)), row = rows[layout.slot[i]];
      if (name === "memory" && lives.length === 1) {
        draw.fillStyle = css.mark;
        draw.globalAlpha = 0.14;
        draw.fillRect(x0, 0, x1 - x0, height - AXIS);
        draw.globalAlpha = 1;
        draw.fillRect(x0 - 0.5, 0, 1.5, height - AXIS);
        if (life.flags[i] & END)
          draw.fillRect(x1 - 0.5, 0, 1.5, height - AXIS);
      } else if (name === "lives" && row) {
        const y = row.top + layout.lane[i] * row.lane, high = Math.max(4, row.lane - 1), left = Math.max(LEFT - 4, x0),
          right = Math.min(LEFT + plot + 4, x1);
        for (const [colour, thick] of [[css.back, 5], [css.mark, 2.5]]) {
          draw.strokeStyle = colour;
          draw.lineWidth = thick;
          draw.strokeRect(left - 1, y - 1, right - left + 2, high + 2);
        }
      }
    }
    if (name === "calls")
      for (const c of marked)
        ring(draw, xOf(call.begin[c], plot), yOfLog(call.log[c], height));
    if (hover && hover.time >= view.from && hover.time <= view.to) {
      draw.fillStyle = css.dim;
      draw.fillRect(xOf(hover.time, plot), 0, 1, height - AXIS);
    }
    if (drag && drag.range && name !== "overview") {
      const x0 = xOf(Math.min(drag.time, hover ? hover.time : drag.time), plot), x1 = xOf(Math.max(drag.time, hover ?
        hover.time : drag.time), plot);
      draw.fillStyle = css.mark;
      draw.globalAlpha = 0.2;
      draw.fillRect(within(x0), 0, x1 - within(x0), height - AXIS);
    }
    draw.restore();
  }
};

/* Pictures of the views without marks are kept, so that moving the cursor costs little. */
const pictures = {};
const keep = () => {
  for (const [name, canvas] of Object.entries(canvases)) {
    const copy = pictures[name] || (pictures[name] = document.createElement("canvas"));
    copy.width = canvas.width;
    copy.height = canvas.height;
    if (canvas.width && canvas.height)
      copy.getContext("2d").drawImage(canvas, 0, 0);
  }
};
const redrawMarks = () => {
  for (const [name, canvas] of Object.entries(canvases)) {
    const draw = canvas.getContext("2d");
    draw.save();
    draw.setTransform(1, 0, 0, 1, 0, 0);
    draw.clearRect(0, 0, canvas.width, canvas.height);
    if (canvas.width && canvas.height)
      draw.drawImage(pictures[name], 0, 0);
    draw.restore();
  }
  drawMarks();
};
const draw = () => {
  const begin = performance.now();
  drawOverview();
  drawMemory();
  drawLives();
  drawCalls();
  keep();
  drawMarks();
  lastDraw = performance.now() - begin;
};
let marksWanted = false;
const redraw = all => {
  wanted ||= all;
  if (marksWanted)
    return;
  marksWanted = true;
  requestAnimationFrame(() => {
    marksWanted = false;
    const everything = wanted;
    wanted = false;
    everything ? draw() : redrawMarks();
    window.timeline.frames++;
  });
};

/* Moving. */
const LEAST = 50; /* ns across */
const show = (from, to) => {
  const span = Math.min(FULL, Math.max(LEAST, to - from)), middle = (from + to) / 2;
  view.from = Math.max(0, Math.min(FULL - span, middle - span / 2));
  view.to = view.from + span;
  redraw(true);
};
const zoom = (factor, time = (view.from + view.to) / 2) => {
  const span = Math.min(FULL, Math.max(LEAST, (view.to - view.from) * factor)), part = (time - view.from) / (view.to - view.from);
  const from = Math.max(0, Math.min(FULL - span, time - part * span));
  show(from, from + span);
};
const pan = part => {
  const by = (view.to - view.from) * part;
  const from = Math.max(0, Math.min(FULL - (view.to - view.from), view.from + by));
  show(from, from + (view.to - view.from));
};

/* Words about one thing. */
const lifeFacts = i => {
  const flags = life.flags[i], c = life.create[i], s = life.surface[i], d3dkmt = surface.name[s] & 1, end = about.ends[flags & END];
  const facts = [["size", sizeText(i) + (life.size[i] >= 1024 ? ` (${group3(life.size[i])} B)` : "")],
    ["size known from", about.origins[life.origin[i]] + (flags & BOUND ? ", a lower bound" : "")],
    [d3dkmt ? "surface" : "name", surfaceText(s)], [d3dkmt ? "hAllocation" : "GEM handle",
      `${hex(life.handle[i])} (${life.handle[i]})`]];
  if (life.owner[i])
    facts.push(["hDevice", hex(life.owner[i])]);
  if (life.resource[i])
    facts.push(["hResource", hex(life.resource[i])]);
  if (life.dmaBuf[i])
    facts.push(["dma-buf", "inode " + life.dmaBuf[i]]);
  if (flags & IMPORTED)
    facts.push(["imported", "its memory was made elsewhere and is counted there"]);
  facts.push(["device", about.devices[life.device[i]]], ["made by", callText(c), { call: c }], ["thread", threadText(call.thread[c])],
    ["from", at(born(i))], ["", wall(born(i))], ["create took", duration(call.end[c] - call.begin[c])]);
  if (life.outlived.has(i))
    facts.push(["handle ended",
      `${about.ends[life.outlived.get(i)[1]]} at ${at(life.outlived.get(i)[0])}; its memory lived on in others`]);
  if (!(flags & END))
    facts.push(["end", "alive at the end of the trace"]);
  else
    facts.push(["lived", duration(life.died[i] - born(i))], ["until", at(life.died[i])], ["end", end.replace("_", " ")]);
  if (flags & BY_CALL) {
    const e = life.ends[i] - 1;
    facts.push(["ended by", callText(e), { call: e }], ["in thread", threadText(call.thread[e])], ["which took",
      duration(call.end[e] - call.begin[e])]);
  }
  return { head: `Allocation #${i}`, facts };
};
const callFacts = c => {
  const [from, to] = madeBy(c), ended = endedBy(c);
  const facts = [["took", duration(call.end[c] - call.begin[c])], ["result", resultText(c)], ["thread", threadText(call.thread[c])],
    ["call", `number ${group3(call.number[c])} of its thread`], ["from", at(call.begin[c])], ["", wall(call.begin[c])]];
  if (call.marks[c] & (NESTED | RETRY))
    facts.push(["marked", call.marks[c] & NESTED ? "nested" : "retry"]);
  if (to > from)
    facts.push(["made", plural(to - from, "allocation")]);
  for (let i = from; i < Math.min(to, from + 8); i++)
    facts.push(["", `#${i}: ${sizeText(i)}, ${surfaceText(life.surface[i])}`, { life: i }]);
  if (ended.length)
    facts.push(["ended", plural(ended.length, "allocation")]);
  for (const i of ended.slice(0, 8))
    facts.push(["", `#${i}: ${sizeText(i)}, ${surfaceText(life.surface[i])}`, { life: i }]);
  return { head: callText(c), facts };
};
const factsOf = what => what.life !== undefined ? lifeFacts(what.life) : what.call !== undefined ? callFacts(what.call) : what.band;
const put = (list, facts, links) => {
  list.replaceChildren();
  for (const [name, value, link] of facts) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name;
    if (link && links) {
      const button = document.createElement("button");
      button.textContent = value;
      button.onclick = () => select(link, true);
      dd.append(button);
    } else
      dd.textContent = value;
    list.append(dt, dd);
  }
};
const select = (what, go) => {
  selected = what;
  const words = what ? factsOf(what) : { head: "Selected", facts: [["", "Click an allocation or a call."]] };
  $("details-head").textContent = words.head;
  put($("details"), words.facts, true);
  if (what && go) {
    const from = what.life !== undefined ? born(what.life) : call.begin[what.call], to = what.life !== undefined ?
      life.died[what.life] : call.end[what.call];
    if (from < view.from || to > view.to || (to - from) * 4000 < view.to - view.from)
      show(from - (to - from) * 0.5 - 100, to + (to - from) * 0.5 + 100);
  }
  redraw(false);
};

/* What is under the cursor. */
const hitMemory = (x, y, plot, height) => {
  const { columns, wide, most } = memoryScale, k = Math.floor((x - LEFT) / plot * wide);
  if (k < 0 || k >= wide)
    return null;
  const time = timeOf(x, plot), value = (height - AXIS - y) / (height - AXIS - 6) * most, entries = layout.slots.map((one,
    s) => [one, s]).filter(([one]) => one.shown);
  let sum = restAt(time), found = value < sum && value >= 0 ? ["not shown singly", sum] : null;
  for (const [one, s] of entries) {
    const own = valueAt(one, columns[k]);
    if (!found && value >= sum && value < sum + own)
      found = [`${s + 1} ${one.text}`, own, one];
    sum += own;
  }
  const facts = [["all shown", bytes(sum)], ["time", at(time)]];
  if (found)
    facts.unshift([layout.what, bytes(found[1]) + (sum ? `, ${(100 * found[1] / sum).toFixed(1)} % of what is alive` : "")],
      ...(found[2] ? [["its peak", bytes(found[2].peak)]] : []));
  return { band: { head: found ? found[0] : "Live memory", facts } };
};
const hitLives = (x, y, plot) => {
  const s = rows.findIndex(row => row && y >= row.top && y < row.top + row.high), time = timeOf(x, plot);
  if (s < 0 || x < LEFT)
    return null;
  const lane = Math.floor((y - rows[s].top) / rows[s].lane), near = (view.to - view.from) / plot * 3, lanes = Math.max(1,
    2 / rows[s].lane);
  let best = -1, score = Infinity;
  for (let i = 0; i < count; i++) {
    if (layout.slot[i] !== s || Math.abs(layout.lane[i] - lane) >= lanes || (match && !match.lives[i]))
      continue;
    const from = call.end[life.create[i]], away = time < from ? from - time : time > life.died[i] ? time - life.died[i] : 0;
    const own = away / near + Math.abs(layout.lane[i] - lane) * 0.1 - life.size[i] / 1e20;
    if (away <= near && own < score)
      best = i, score = own;
  }
  return best < 0 ? null : { life: best };
};
const hitCalls = (x, y, plot, height) => {
  let best = -1, score = 100;
  const perTime = plot / (view.to - view.from), near = 10 / perTime, time = timeOf(x, plot);
  for (let c = 0; c < calls; c++) {
    const away = call.begin[c] - time;
    if (away > near || away < -near || (match && !match.calls[c]))
      continue;
    const dx = away * perTime, dy = yOfLog(call.log[c], height) - y, own = dx * dx + dy * dy;
    if (own < score)
      best = c, score = own;
  }
  return best < 0 ? null : { call: best };
};
const hit = (name, x, y) => {
  const canvas = canvases[name], plot = Math.max(10, canvas.clientWidth - LEFT - RIGHT), height = canvas.clientHeight;
  return { memory: hitMemory, lives: hitLives, calls: hitCalls }[name](x, y, plot, height);
};
const tip = (what, x, y) => {
  const box = $("tip");
  box.hidden = !what;
  if (!what)
    return;
  const words = factsOf(what), head = document.createElement("b"), list = document.createElement("dl");
  head.textContent = words.head;
  put(list, words.facts, false);
  box.replaceChildren(head, list);
  box.style.left = Math.max(4, x + 16 + box.offsetWidth > innerWidth ? x - box.offsetWidth - 12 : x + 16) + "px";
  box.style.top = Math.max(4, Math.min(innerHeight - box.offsetHeight - 4, y + 14)) + "px";
};

/* Search. */
const NUMBER = /^(0x[0-9a-f]+|\d+)$/i;
const find = text => {
  const query = text.trim().toLowerCase();
  match = null;
  $("found").textContent = "";
  if (!query)
    return redraw(true);
  const number = NUMBER.test(query) ? BigInt(query) : null, small = number === null ? NaN : Number(number),
    one = /^#\d+$/.test(query) ? +query.slice(1) : -1;
  const has = value => value.toLowerCase().includes(query);
  const labels = about.labels.map(has), kinds = about.kinds.map(kind => has(kind[1]) || has(kind[0])), devices = about.devices.map(has);
  const threads = about.threads.map((thread, t) => has(threadText(t)) || thread[2] === small);
  const surfaces = new Uint8Array(surface.name.length);
  for (let s = 0; s < surfaces.length; s++)
    surfaces[s] = (surface.name[s] > 1 && labels[surface.name[s] >> 1]) || (number !== null && number !== 0n &&
      surface.address[s] === number) ? 1 : 0;
  match = { lives: new Uint8Array(count), calls: new Uint8Array(calls), lifeCount: 0, callCount: 0, at: -1 };
  for (let i = 0; i < count; i++) {
    const c = life.create[i];
    match.lifeCount += match.lives[i] = i === one || surfaces[life.surface[i]] || kinds[call.kind[c]] ||
      threads[call.thread[c]] || devices[life.device[i]] ||
      life.handle[i] === small || life.resource[i] === small || life.owner[i] === small || life.dmaBuf[i] === small ? 1 : 0;
  }
  for (let c = 0; c < calls; c++)
    match.calls[c] = kinds[call.kind[c]] || threads[call.thread[c]] ? 1 : 0;
  for (let i = 0; i < count; i++)
    if (match.lives[i]) {
      match.calls[life.create[i]] = 1;
      if (life.flags[i] & BY_CALL)
        match.calls[life.ends[i] - 1] = 1;
    }
  for (let c = 0; c < calls; c++)
    match.callCount += match.calls[c];
  $("found").textContent = `${plural(match.lifeCount, "allocation")}, ${plural(match.callCount, "call")}`;
  redraw(true);
};
const step1 = by => {
  if (!match || !(match.lifeCount || match.callCount))
    return;
  const list = match.lifeCount ? match.lives : match.calls;
  do
    match.at = (match.at + by + list.length) % list.length;
  while (!list[match.at]);
  select(match.lifeCount ? { life: match.at } : { call: match.at }, true);
};

/* The legend. */
const legend = () => {
  $("legend-head").textContent = `By ${layout.what}, peak`;
  $("legend").replaceChildren(...layout.slots.map((one, s) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const key = document.createElement("i"), name = document.createElement("span"), peak = document.createElement("span");
    key.textContent = s + 1;
    key.style.background = colourOf(layout, s);
    key.style.color = inkOn(colourOf(layout, s));
    name.className = "name";
    name.textContent = one.text;
    peak.className = "peak";
    peak.textContent = one.peak ? bytes(one.peak) : "–";
    button.title = `${one.text}: ${plural(one.count, "allocation")}, at most ${group3(one.lanes)} at once, ` +
      `peak ${one.peak ? bytes(one.peak) : "unknown"}`;
    button.setAttribute("aria-pressed", one.shown);
    button.append(key, name, peak);
    button.onclick = event => {
      if (event.shiftKey) {
        const only = one.shown && layout.slots.every(other => other === one || !other.shown);
        layout.slots.forEach(other => { other.shown = only || other === one; });
      } else
        one.shown = !one.shown;
      regroup();
    };
    item.append(button);
    return item;
  }));
};
const shapes = () => {
  $("shapes").replaceChildren(...SHAPES.map((sign, kind) => {
    const line = document.createElement("div"), mark = document.createElement("span");
    mark.textContent = sign + " ";
    mark.style.color = POINTS[theme()][kind];
    line.append(mark, "call: " + CATEGORIES[kind]);
    return line;
  }));
};
const regroup = () => {
  layout = layoutOf($("group").value);
  totals();
  legend();
  redraw(true);
};

/* Mouse and keys. */
for (const [name, canvas] of Object.entries(canvases)) {
  const place = event => {
    const box = canvas.getBoundingClientRect(), plot = Math.max(10, box.width - LEFT - RIGHT), x = event.clientX - box.left;
    return { x, y: event.clientY - box.top, plot, time: name === "overview" ? (x - LEFT) / plot * FULL : timeOf(x, plot) };
  };
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    const { time } = place(event), by = event.deltaMode ? event.deltaY * 30 : event.deltaY;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      pan((event.deltaX || by) / 1000);
    else
      zoom(Math.exp(Math.max(-400, Math.min(400, by)) / 400), name === "overview" ? undefined : Math.max(view.from,
        Math.min(view.to, time)));
  }, { passive: false });
  canvas.addEventListener("pointerdown", event => {
    const { time, x } = place(event);
    if (event.button)
      return;
    drag = { name, time, x, from: view.from, to: view.to, range: event.shiftKey || name === "overview", moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    const { x, y, plot, time } = place(event);
    hover = { time };
    if (drag) {
      drag.moved ||= Math.abs(x - drag.x) > 3;
      if (drag.moved && drag.name === "overview")
        show(Math.min(drag.time, time), Math.max(drag.time, time));
      else if (drag.moved && !drag.range)
        show(drag.from - (x - drag.x) / plot * (drag.to - drag.from), drag.to - (x - drag.x) / plot * (drag.to - drag.from));
      tip(null);
    } else
      tip(name === "overview" ? null : hit(name, x, y), event.clientX, event.clientY);
    redraw(false);
  });
  canvas.addEventListener("pointerup", event => {
    const { x, y, time } = place(event), was = drag;
    drag = null;
    if (!was)
      return;
    if (was.range && was.moved && name !== "overview")
      show(Math.min(was.time, time), Math.max(was.time, time));
    else if (!was.moved && name === "overview")
      show(time - (view.to - view.from) / 2, time + (view.to - view.from) / 2);
    else if (!was.moved) {
      const what = hit(name, x, y);
      select(what && !what.band ? what : null, false);
    }
    redraw(false);
  });
  canvas.addEventListener("dblclick", () => {
    if (selected)
      select(selected, true);
  });
  canvas.addEventListener("pointerleave", () => {
    hover = null;
    tip(null);
    redraw(false);
  });
}
const clear = () => {
  $("search").value = "";
  find("");
  select(null);
};
const KEYS = { "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), ArrowLeft: () => pan(-0.15),
  ArrowRight: () => pan(0.15),
  0: () => show(0, FULL), Home: () => show(0, FULL), "/": () => $("search").focus(), n: () => step1(1), p: () => step1(-1),
    Escape: clear,
  "?": () => $("help").showModal() };
addEventListener("keydown", event => {
  const typing = event.target === $("search") || event.target === $("group");
  if (event.target === $("search") && event.key === "Enter") {
    step1(event.shiftKey ? -1 : 1);
  } else if (event.key === "Escape" || (!typing && KEYS[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey)) {
    if ($("help").open)
      return;
    KEYS[event.key]();
    event.preventDefault();
    if (event.key === "Escape")
      document.activeElement.blur();
  }
});
let typed;
$("search").addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => find($("search").value), count > 100000 ? 250 : 60);
});
$("group").onchange = regroup;
$("previous").onclick = () => step1(-1);
$("next").onclick = () => step1(1);
$("in").onclick = () => zoom(0.6);
$("out").onclick = () => zoom(1 / 0.6);
$("fit").onclick = () => show(0, FULL);
$("ask").onclick = () => $("help").showModal();
$("close").onclick = () => $("help").close();
new ResizeObserver(() => redraw(true)).observe($("views"));
dark.addEventListener("change", () => {
  readColours();
  shapes();
  regroup();
});

/* The head, and what is to be known before one believes a picture. */
readColours();
const notes = [];
if (about.incomplete)
  notes.push("The trace is damaged: this is as far as it can be read.");
if (about.lossy)
  notes.push(`Calls or data were lost: ${about.loss}.`);
if (rest || about.calls > calls)
  notes.push(`Shown singly: the ${group3(count)} largest of ${plural(about.allocations, "allocation")}` +
    (rest ? " (the others as the band \"not shown singly\")" : "") +
      `, and ${group3(calls)} of ${plural(about.calls, "call")}: theirs, and the slowest.`);
if (about.unknown)
  notes.push(`${plural(about.unknown, "allocation")} of unknown size: among the allocations, not in live memory.`);
if (about.bounds)
  notes.push(`Of ${plural(about.bounds, "size")} only a lower bound is known.`);
$("notes").hidden = !notes.length;
$("notes").textContent = notes.join(" ");
document.title = `${about.trace} – gpualloc timeline`;
if (surfaceGroups().first.length < 2 && count > 1) /* nothing to tell apart */
  $("group").value = "size";
layout = layoutOf($("group").value);
const highest = totals();
$("what").textContent = `${about.trace}: ${plural(about.allocations, "allocation")}, ${plural(about.calls, "call")}, ` + duration(FULL) +
  (steps && total[highest] ? `, peak ${bytes(total[highest])} at ${about3(stepTime[highest - 1])}` : "");
legend();
shapes();
select(null);
window.timeline = { frames: 0, count, calls, full: FULL, peak: total[highest] || 0, view, show, zoom, select, find, hit, draw,
  get lastDraw() { return lastDraw; }, get selected() { return selected; }, get match() { return match; },
  position: i => { /* of an allocation, for tests: in the view of lives */
    const plot = canvases.lives.clientWidth - LEFT - RIGHT, row = rows[layout.slot[i]];
    return { x: xOf((born(i) + life.died[i]) / 2, plot), y: row.top + (layout.lane[i] + 0.5) * row.lane };
  } };
draw();
$("wait").hidden = true;
window.timeline.ready = performance.now();
})().catch(error => {
  document.getElementById("wait").hidden = false;
  document.getElementById("wait").textContent = `This page cannot be shown: ${error.message}. It needs a browser of 2023 or later.`;
  throw error;
});
