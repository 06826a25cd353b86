"use strict";

// Tables: a heading sorts its column; numbers from large to small first, missing ones last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const value = row => {
      const text = row.cells[column].textContent.replace(/,/g, "");
      return Number.isNaN(parseFloat(text)) ? text : parseFloat(text);
    };
    const rows = [...table.tBodies[0].rows];
    const numeric = column > 0 && rows.some(row => typeof value(row) === "number");
    const initial = numeric ? "descending" : "ascending";
    const other = numeric ? "ascending" : "descending";
    const order = head.getAttribute("aria-sort") === initial ? other : initial;
    const sign = order === "ascending" ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (numeric && typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
      return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
    });
    heads.forEach(cell => cell.setAttribute("aria-sort", cell === head ? order : "none"));
    table.tBodies[0].append(...rows);
  }));
}

// Claims: show those whose verdict is ticked.
const verdicts = document.querySelectorAll("input[name=verdict]");
verdicts.forEach(box => box.addEventListener("change", () => {
  const shown = new Set([...verdicts].filter(b => b.checked).map(b => b.value));
  document.querySelectorAll(".claim").forEach(claim => { claim.hidden = !shown.has(claim.dataset.verdict); });
}));

// Faces: a cell for each picked face and method, with a slider between the method and the HR face.
const source = document.getElementById("data");
if (source) {
  const data = JSON.parse(source.textContent);
  const grid = document.getElementById("grid");
  const overlay = document.getElementById("overlay");
  const boxes = name => [...document.querySelectorAll(`input[name=${name}]`)];
  const picked = name => boxes(name).filter(box => box.checked).map(box => box.value);

  const make = (tag, properties = {}, children = []) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const picture = (src, className) => make("img", { src, className, alt: "", draggable: false });

  const stage = (method, face) => {
    const layers = [picture(data.images.HR[face], "right"), picture(data.images[method.id][face], "left")];
    if (overlay.checked) {
      layers.push(picture(data.heatmaps.HR[face], "right heatmap"));
      if (data.heatmaps[method.id]) layers.push(picture(data.heatmaps[method.id][face], "left heatmap"));
    }
    const slider = make("input", { type: "range", min: 0, max: 100, value: 50 });
    slider.setAttribute("aria-label", `${method.label} against HR, face ${data.faces[face].name}`);
    const box = make("div", { className: "stage" }, [...layers, make("span", { className: "line" }), slider]);
    slider.addEventListener("input", () => box.style.setProperty("--x", `${slider.value}%`));
    return box;
  };
  const cell = (method, face) => {
    const psnr = data.psnr[method.id] ? ` ${data.psnr[method.id][face]?.toFixed(2) ?? "∞"} dB` : "";
    const caption = make("figcaption", { textContent: `${method.label}${psnr}` });
    return make("figure", { className: "cell" }, [stage(method, face), caption]);
  };
  const lr = face => make("figure", { className: "cell" }, [
    make("div", { className: "stage" }, [picture(data.images.LR[face], "pixels")]),
    make("figcaption", { textContent: "LR" }),
  ]);
  const draw = () => {
    const methods = data.methods.filter(method => picked("method").includes(method.id));
    grid.replaceChildren(...picked("face").map(face => {
      const { name, yaw, source } = data.faces[face];
      const title = make("h3", { textContent: `${name}: yaw ${yaw}°, ${source}` });
      return make("div", { className: "row" }, [title, lr(face), ...methods.map(method => cell(method, face))]);
    }));
  };

  document.querySelectorAll(".thumb img").forEach((image, face) => { image.src = data.images.HR[face]; });
  const faces = boxes("face");
  [0, Math.floor(faces.length / 2), faces.length - 1].forEach(face => { faces[face].checked = true; });
  [...faces, ...boxes("method"), overlay].forEach(box => box.addEventListener("change", draw));
  draw();
}
