// What a careful person would see on the page that is open: each function answers with a list of sentences, empty if all is well.
(() => {
  const shown = (el) => {
    if (!el.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    const box = el.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  };
  const called = (el) => {
    const keyed = el.closest("[class*=st-key-]");
    const key = keyed ? [...keyed.classList].find((name) => name.startsWith("st-key-")) : "no key";
    return `${key} <${el.tagName.toLowerCase()}> "${(el.innerText || el.textContent || "").trim().slice(0, 50)}"`;
  };
  const scrolls = (el, side) => {
    for (let up = el; up && up !== document.documentElement; up = up.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(up)[side])) return true;
    }
    return false;
  };

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = "#000";
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((one) => {
      const share = one / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  // All that is painted behind an element, composited; an element's opacity is that of its text as well.
  const behind = (el) => {
    const layers = [];
    for (let up = el; up; up = up.parentElement) {
      const colour = channels(getComputedStyle(up).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const opacity = (el) => {
    let all = 1;
    for (let up = el; up; up = up.parentElement) all *= Number(getComputedStyle(up).opacity);
    return all;
  };

  const keyed = () => [...document.querySelectorAll("[data-testid=stMain] [class*=st-key-]")].filter(shown);

  return {
    overflow() {
      const root = document.documentElement;
      const main = document.querySelector("[data-testid=stMain]");
      const wide = [root, main].filter((el) => el && el.scrollWidth > el.clientWidth);
      return wide.map((el) => `${el.tagName} is ${el.scrollWidth} px wide, ${el.clientWidth} are there`);
    },
    clipped() {
      const found = [];
      for (const el of document.querySelectorAll("[data-testid=stMain] :is(p, h1, h2, h3, button, a, li, td, th, label)")) {
        if (!shown(el) || el.closest("[data-testid=stDataFrame]")) continue;
        const style = getComputedStyle(el);
        const hides = ["hidden", "clip"].includes(style.overflowX);
        if (hides && el.scrollWidth > el.clientWidth + 1) found.push(`cut off: ${called(el)}`);
        const box = el.getBoundingClientRect();
        if (box.right > innerWidth + 1 && !scrolls(el, "overflowX")) found.push(`beyond the edge: ${called(el)}`);
      }
      return found;
    },
    overlapping() {
      const all = keyed().filter((el) => !el.closest("[role=dialog]") && !el.closest(".st-key-dec-9"));
      const boxes = all.map((el) => el.getBoundingClientRect());
      const found = [];
      for (let one = 0; one < all.length; one++) {
        for (let other = one + 1; other < all.length; other++) {
          if (all[one].contains(all[other]) || all[other].contains(all[one])) continue;
          const [a, b] = [boxes[one], boxes[other]];
          const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (wide > 2 && high > 2) found.push(`${called(all[one])} over ${called(all[other])}`);
        }
      }
      return found;
    },
    contrast() {
      const found = new Set();
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const el = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !el || el.closest("script, style, noscript, [aria-hidden=true], [inert]")) continue;
        if (!shown(el) || el.closest("[disabled], [aria-disabled=true], label:has(:disabled)")) continue;
        if (el.closest(".textpoint, .heatmaplayer")) continue; // marks on marks: their colours have a test of their own
        const style = getComputedStyle(el);
        const drawn = el.closest("svg") ? style.fill : style.color;
        const below = behind(el);
        const colour = channels(drawn);
        colour[3] *= opacity(el);
        if (colour[3] === 0) continue;
        const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
        const icon = /material/i.test(style.fontFamily) || el.closest("[data-testid=stIconMaterial]");
        const is = ratio(over(colour, below), below);
        if (is < (large || icon ? 3 : 4.5)) found.add(`${is.toFixed(2)} to 1: ${called(el)}`);
      }
      return [...found];
    },
    badges() {
      const found = [];
      for (const el of [...document.querySelectorAll(".stMarkdownBadge")].filter(shown)) {
        const text = el.innerText.trim();
        const [r, g, b] = channels(getComputedStyle(el).backgroundColor);
        const [high, low] = [Math.max(r, g, b), Math.min(r, g, b)];
        const coloured = (high - low) / Math.max(1, 255 - Math.abs(high + low - 255)) > 0.3;
        if (!/\p{L}{2}|\d/u.test(text)) found.push(`no word: "${text}"`);
        if (coloured && /^[\p{L}\p{N}]/u.test(text)) found.push(`no shape: "${text}"`);
      }
      return found;
    },
    targets() {
      // WCAG 2.5.8: at least 24 by 24 pixels, or as much room around its middle. Links within a sentence are excepted.
      const all = [...document.querySelectorAll("[data-testid=stMain] :is(button, [role=button], input, select)")]
        .filter((el) => !el.closest(".js-plotly-plot, [data-testid=stDataFrame], [data-testid=stElementToolbar]"))
        .map((el) => el.closest("label") || el)
        .filter(shown);
      const boxes = all.map((el) => el.getBoundingClientRect());
      const small = (box) => box.width < 24 || box.height < 24;
      const crowded = (box, at) => {
        const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
        const near = (other) => other.left < x + 12 && other.right > x - 12 && other.top < y + 12 && other.bottom > y - 12;
        return boxes.some((other, who) => all[who] !== all[at] && !all[at].contains(all[who]) && near(other));
      };
      return boxes
        .map((box, at) => (small(box) && crowded(box, at) ? `${box.width | 0}×${box.height | 0}: ${called(all[at])}` : ""))
        .filter(Boolean);
    },
    buttons() {
      return [...document.querySelectorAll("button, [role=button], input[type=submit]")]
        .map((el) => (el.getAttribute("aria-label") || el.innerText || el.value || "").trim());
    },
    exceptions() {
      return [...document.querySelectorAll("[data-testid=stException]")].map((el) => el.innerText.slice(0, 200));
    },
  };
})()
