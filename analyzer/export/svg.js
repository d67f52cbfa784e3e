"use strict";
{
  const left = 10, width = 1180, letter = 6.7, frames = [...document.querySelectorAll(".f")];
  const details = document.querySelector(".details"), reset = document.querySelector(".reset");
  for (const f of frames) {
    f.at = +f.dataset.x;
    f.wide = +f.dataset.w;
    f.label = f.querySelector("title").textContent.split("\n")[0];
  }
  const show = (from, wide) => {
    for (const f of frames) {
      const a = Math.max(f.at, from), b = Math.min(f.at + f.wide, from + wide), scale = width / wide;
      const visible = b - a > 0.3 / scale;
      f.setAttribute("display", visible ? "inline" : "none");
      if (!visible)
        continue;
      const x = left + (a - from) * scale, w = (b - a) * scale, rect = f.querySelector("rect"), text = f.querySelector("text");
      rect.setAttribute("x", x);
      rect.setAttribute("width", w);
      text.setAttribute("x", x + 4);
      const room = Math.floor((w - 8) / letter), letters = [...f.label];
      text.textContent = room < 3 ? "" : letters.length > room ? letters.slice(0, room - 1).join("") + "…" : f.label;
    }
    reset.setAttribute("visibility", wide < width ? "visible" : "hidden");
  };
  for (const f of frames) {
    f.addEventListener("click", () => show(f.at, f.wide));
    const tell = () => { details.textContent = f.querySelector("title").textContent.replace("\n", ": "); };
    f.addEventListener("mouseenter", tell);
    f.addEventListener("focus", tell);
    f.addEventListener("keydown", e => { if (e.key === "Enter") show(f.at, f.wide); });
  }
  reset.addEventListener("click", () => show(left, width));
  addEventListener("keydown", e => { if (e.key === "Escape") show(left, width); });
}
