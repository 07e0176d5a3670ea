(() => {
  const root = document.documentElement;
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const data = JSON.parse(find("#data").textContent);
  const charts = new Map();
  const state = { measure: "recall", smooth: false };

  const { say } = switches;

  const hundred = (share) => (share === null || share === undefined ? null : share * 100);

  // Exponential smoothing as in the chapter: each point keeps a factor of what came before it.
  const smoothed = (values, factor = data.smoothing) => {
    let kept = null;
    return values.map((value) => {
      if (value === null) return null;
      kept = kept === null ? value : kept * factor + value * (1 - factor);
      return kept;
    });
  };

  // Colours stand in the style sheet once; a probe turns them into what a canvas understands.
  const colour = (name, opacity = 1) => {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g);
    probe.remove();
    return `rgba(${red}, ${green}, ${blue}, ${opacity})`;
  };
  // Told apart by dash and by point as well as by colour (Okabe and Ito's palette).
  const SERIES = ["series-1", "series-2", "series-3", "series-4", "series-5", "series-6"];
  const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
  const FAINT = 0.25;
  const WIDE = 10000; // the largest loss over the least, beyond which their axis is of powers of ten
  const POINTS = ["circle", "rectRot", "triangle", "rect", "crossRot", "star"];

  const axis = (title, options = {}) => ({
    title: { display: true, text: title, color: colour("soft") },
    ticks: { color: colour("soft"), maxRotation: 0, autoSkipPadding: 12 },
    grid: { color: colour("line") },
    ...options,
  });
  const draw = (name, configuration) => {
    const canvas = find(`#chart-${name}`);
    if (!canvas) return;
    charts.get(name)?.destroy();
    configuration.options = {
      animation: false, responsive: true, maintainAspectRatio: false,
      interaction: { mode: "nearest", intersect: false },
      ...configuration.options,
    };
    charts.set(name, new Chart(canvas, configuration));
  };
  // What is not shown yet stands in the legend in a softer colour, not struck through as if it were wrong.
  const entries = (chart) => Chart.defaults.plugins.legend.labels.generateLabels(chart).map((item) => (
    item.hidden ? { ...item, hidden: false, fontColor: colour("soft"), fillStyle: "transparent" } : item));
  const legend = (display = true, filter = undefined) => ({
    display, position: "bottom", labels: { color: colour("ink"), usePointStyle: true, boxHeight: 7, filter, generateLabels: entries },
  });

  const drawClasses = () => {
    const rows = data.bars;
    const canvas = find("#chart-classes");
    canvas.parentElement.style.height = `${Math.max(rows.length * 30 + 70, 140)}px`;
    const short = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);
    draw("classes", {
      type: "bar",
      data: {
        labels: rows.map((row) => row.name),
        datasets: [
          { label: say("interval"), data: rows.map((row) => [hundred(row[state.measure][1]), hundred(row[state.measure][2])]),
            backgroundColor: colour("mark"), barThickness: 3, grouped: false, order: 0 },
          { label: say(state.measure), data: rows.map((row) => hundred(row[state.measure][0])),
            backgroundColor: colour("fill"), maxBarThickness: 18, grouped: false, order: 1 },
        ],
      },
      options: {
        indexAxis: "y",
        scales: {
          x: axis(say("in_percent", { measure: say(state.measure) }), { min: 0, max: 100 }),
          y: axis("", { title: { display: false }, grid: { display: false },
            ticks: { color: colour("ink"), autoSkip: false, callback: (_, place) => short(rows[place].name) } }),
        },
        plugins: { legend: legend(), tooltip: { callbacks: { label: (item) => {
          const [value, low, high] = rows[item.dataIndex][state.measure];
          return item.datasetIndex ? `${say(state.measure)} ${percent(value)}` : `${say("interval")} ${percent(low)} – ${percent(high)}`;
        } } } },
      },
    });
  };

  const drawReliability = () => {
    const bins = (data.reliability || []).filter((bin) => bin.n > 0);
    if (!bins.length) return;
    const most = Math.max(...bins.map((bin) => bin.n));
    const few = (bin) => bin.n <= data.few; // an interval of one or two pictures says next to nothing
    const many = (bin) => !few(bin);
    const observed = (kept, faint) => ({ label: say("observed"), bins: bins.filter(kept), backgroundColor: colour("series-1", faint),
      data: bins.filter(kept).map((bin) => ({ x: hundred(bin.confidence), y: hundred(bin.accuracy.value) })), borderColor: "transparent",
      radius: bins.filter(kept).map((bin) => 4 + 8 * Math.sqrt(bin.n / most)), clip: false, order: 0 });
    const bars = (kept) => bins.filter(kept).flatMap((bin) => [
      { x: hundred(bin.confidence), y: hundred(bin.accuracy.low) }, { x: hundred(bin.confidence), y: hundred(bin.accuracy.high) }, { x: NaN, y: NaN },
    ]);
    const interval = (kept, faint) => ({ label: say("interval"), data: bars(kept), showLine: true, borderColor: colour("mark", faint),
      borderWidth: 2, pointRadius: 0, pointStyle: "line", order: 1 });
    // Where every answer is fully confident, an axis from there would have no length.
    const start = Math.min(90, Math.floor(Math.min(...bins.map((bin) => bin.confidence)) * 10) * 10);
    draw("reliability", {
      type: "scatter",
      data: { datasets: [
        observed(many, 1), observed(few, FAINT),
        interval(many, 1), interval(few, FAINT),
        { label: say("perfect"), data: [{ x: start, y: start }, { x: 100, y: 100 }], showLine: true, borderColor: colour("soft"),
          borderDash: [6, 4], borderWidth: 1.5, pointRadius: 0, pointStyle: "line", order: 2 },
      ] },
      options: {
        scales: { x: axis(say("stated"), { min: start, max: 100 }), y: axis(say("observed"), { max: 100 }) },
        plugins: { legend: legend(true, (item) => item.datasetIndex % 2 === 0), tooltip: { filter: (item) => Boolean(item.dataset.bins), callbacks: { label: (item) => {
          const bin = item.dataset.bins[item.dataIndex];
          return `${percent(bin.accuracy.value)}, ${say("between", { low: percent(bin.accuracy.low), high: percent(bin.accuracy.high) })}; ${say("pictures", { n: bin.n })}`;
        } } } },
      },
    });
  };

  const risk = () => {
    const { n, answered, wrong } = data.thresholds;
    return answered.map((count, place) => ({ x: (100 * count) / n, y: count ? (100 * wrong[place]) / count : 0 }));
  };
  const place = () => Number(find("#threshold").value);
  const drawThresholds = () => {
    const curve = risk();
    draw("thresholds", {
      type: "scatter",
      data: { datasets: [
        { label: say("here"), data: [curve[place()]], backgroundColor: colour("series-2"), borderColor: colour("page"), borderWidth: 2, radius: 8, hoverRadius: 9, clip: false, order: 0 },
        { label: say("error"), data: curve, showLine: true, stepped: false, borderColor: colour("series-1"), backgroundColor: colour("series-1", 0.15),
          fill: true, borderWidth: 2, pointRadius: 0, pointHitRadius: 8, pointStyle: "line", order: 1 },
      ] },
      options: {
        scales: { x: axis(say("coverage"), { min: 0, max: 100 }), y: axis(say("error"), { min: 0, suggestedMax: 1 }) },
        plugins: { legend: legend(), tooltip: { callbacks: { label: (item) => {
          const at = item.datasetIndex ? item.dataIndex : place();
          return `≥ ${percent(data.thresholds.threshold[at])}: ${item.parsed.x.toFixed(1)} % / ${item.parsed.y.toFixed(1)} %`;
        } } } },
        onClick: (_, items) => {
          const item = items.find((one) => one.datasetIndex === 1);
          if (item) { find("#threshold").value = item.index; moveThreshold(); }
        },
      },
    });
  };
  const moveThreshold = () => {
    const { n, threshold, answered, wrong, low, high } = data.thresholds;
    const at = place(), count = answered[at], errors = wrong[at];
    const sure = percent(threshold[at]);
    find("#threshold-value").textContent = sure;
    find("#threshold").setAttribute("aria-valuetext", sure);
    const whole = (text) => text.replaceAll(/(\d) %/g, "$1\u00a0%"); // no line ends before the sign
    const show = (dial, text, note) => {
      find(`#dial-${dial}`).textContent = whole(text);
      find(`#dial-${dial}-note`).textContent = whole(note);
    };
    show("answered", percent(count / n), say("of", { n: count, total: n }));
    // What it may well be leads, not what these few pictures happened to show.
    show("wrong", count ? say("up_to", { high: percent(high[at]) }) : percent(null), count ? say("seen", { share: percent(errors / count), of: say("of", { n: errors, total: count }), between: say("between", { low: percent(low[at]), high: percent(high[at]) }) }) : "");
    show("unsure", percent((n - count) / n), say("of", { n: n - count, total: n }));
    const chart = charts.get("thresholds");
    if (chart) { chart.data.datasets[0].data = [risk()[at]]; chart.update("none"); }
  };
  const drawHistory = () => {
    const { history } = data;
    if (!history) return;
    for (const kind of ["losses", "shares"]) {
      const columns = Object.entries(history[kind]);
      // Where a loss ran away, a straight axis would show nothing of the others.
      const known = columns.flatMap(([, values]) => values.filter((value) => value !== null));
      const type = kind === "losses" && Math.min(...known) > 0 && Math.max(...known) > WIDE * Math.min(...known) ? "logarithmic" : "linear";
      const canvas = find(`#chart-${kind}`);
      canvas.parentElement.hidden = columns.length === 0;
      if (!columns.length) continue;
      const series = columns.map(([name, values], at) => {
        const shown = kind === "shares" ? values.map(hundred) : values;
        const drawn = state.smooth ? smoothed(shown) : shown;
        return { label: texts[`series.${name}`] ? say(`series.${name}`) : name.replaceAll("_", " "), data: drawn, spanGaps: true,
          showLine: history.in_order, borderColor: colour(SERIES[at % 6]), backgroundColor: colour(SERIES[at % 6]), borderDash: DASHES[at % 4],
          pointStyle: POINTS[at % 6], pointRadius: history.in_order ? (drawn.length > 60 ? 0 : 3) : 5, borderWidth: history.in_order ? 2 : 0, order: 1 };
      });
      const rings = history.chosen === null ? [] : series.map(({ data: drawn }) => ({
        label: say("chosen"), data: drawn.map((value, row) => (row === history.chosen ? value : null)), showLine: false, pointStyle: "circle",
        pointRadius: 9, pointHitRadius: 0, borderColor: colour("mark"), backgroundColor: "transparent", borderWidth: 2.5, order: 0 }));
      // A line through all curves at the epoch that was kept, named above them.
      const kept = { id: "kept", afterDatasetsDraw: ({ ctx, chartArea: { top, bottom, left, right }, scales }) => {
        if (history.chosen === null || !history.in_order) return;
        const x = scales.x.getPixelForValue(history.chosen), beyond = x > (left + right) / 2;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = colour("mark");
        ctx.setLineDash([4, 4]);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, bottom);
        ctx.stroke();
        ctx.textAlign = beyond ? "right" : "left";
        ctx.textBaseline = "bottom";
        ctx.fillText(say("kept", { epoch: history.labels[history.chosen].split(",")[0] }), x + (beyond ? 4 : -4), top - 4);
        ctx.restore();
      } };
      draw(kind, {
        type: "line",
        plugins: [kept],
        data: { labels: history.labels, datasets: [...series, ...rings] },
        options: { layout: { padding: { top: history.in_order ? 20 : 0 } }, scales: {
          x: axis(say(!history.in_order ? "setting" : history.step), { ticks: { color: colour("soft"), maxRotation: 0, autoSkipPadding: 12, callback: (value) => history.labels[value].split(",")[0] } }),
          y: axis(say(kind), { type }),
        }, plugins: { legend: legend(true, (item) => item.datasetIndex <= series.length), tooltip: { filter: (item) => item.datasetIndex < series.length } } },
      });
    }
  };

  const drawLearning = () => {
    const learning = data.learning;
    if (!learning) return;
    const line = (name, points, at, hidden) => ({ label: name, hidden, borderColor: colour(SERIES[at % 6]), backgroundColor: colour(SERIES[at % 6]),
      borderDash: DASHES[at % 4], pointStyle: POINTS[at % 6], borderWidth: 2, pointRadius: 4, showLine: true, data: points });
    const band = (key, fill) => ({ label: say("spread"), showLine: true, pointRadius: 0, borderWidth: 0, borderColor: "transparent",
      backgroundColor: colour("series-1", 0.2), pointStyle: "rect", fill, data: learning.points.map((point) => ({ x: point.n, y: hundred(point[key]) })) });
    const classes = learning.per_class.map((row, at) => line(row.class,
      row.values.map((value, step) => ({ x: learning.points[step].n, y: hundred(value) })), at + 1, true));
    draw("learning", {
      type: "scatter",
      data: { datasets: [
        line(say("mean"), learning.points.map((point) => ({ x: point.n, y: hundred(point.value) })), 0, false),
        band("low", false), band("high", "-1"), ...classes,
      ] },
      options: {
        scales: {
          x: axis(say("train"), { type: "logarithmic", ticks: { color: colour("soft"), maxRotation: 0,
            callback: (value) => (learning.points.some((point) => point.n === value) ? value : "") },
            afterBuildTicks: (scale) => { scale.ticks = learning.points.map((point) => ({ value: point.n })); } }),
          y: axis(say("accuracy"), { suggestedMax: 100 }),
        },
        plugins: { legend: legend(true, (item) => item.datasetIndex !== 1) },
      },
    });
  };

  const drawCosts = () => {
    const { costs } = data;
    if (!costs) return;
    draw("costs", {
      type: "scatter",
      data: { datasets: [
        { label: say("cost"), data: costs.threshold.map((value, at) => ({ x: hundred(value), y: costs.cost[at] })), showLine: true,
          borderColor: colour("series-1"), backgroundColor: colour("series-1"), borderWidth: 2, pointRadius: 0, pointHitRadius: 8, pointStyle: "line" },
        { label: say("cost_own"), data: [0, 100].map((x) => ({ x, y: costs.own })), showLine: true, borderColor: colour("series-2"),
          borderDash: [6, 4], borderWidth: 2, pointRadius: 0, pointStyle: "line" },
      ] },
      options: {
        scales: { x: axis(say("cost_threshold"), { min: Math.floor(hundred(costs.threshold[0])), max: 100 }), y: axis(say("cost"), { min: 0 }) },
        plugins: { legend: legend(), tooltip: { callbacks: { label: (item) => `≥ ${item.parsed.x.toFixed(1)} %: ${item.parsed.y.toPrecision(3)}` } } },
      },
    });
  };

  const drawRecalls = () => {
    const { recalls } = data;
    if (!recalls) return;
    draw("recalls", {
      type: "scatter",
      data: { datasets: recalls.flatMap((row, at) => [
        { label: row.name, data: row.recall.map((value, step) => ({ x: hundred(value), y: hundred(row.precision[step]) })), showLine: true,
          borderColor: colour(SERIES[at % 6]), backgroundColor: colour(SERIES[at % 6]), borderDash: DASHES[at % 4], borderWidth: 2, pointRadius: 0, pointHitRadius: 8, pointStyle: "line" },
        { label: `${row.name}, ${say("here")}`, data: [{ x: hundred(row.own[0]), y: hundred(row.own[1]) }], backgroundColor: colour(SERIES[at % 6]),
          borderColor: colour("page"), borderWidth: 2, radius: 8, hoverRadius: 9, pointStyle: POINTS[at % 6], clip: false },
      ]) },
      options: {
        scales: { x: axis(say("in_percent", { measure: say("recall") }), { max: 100 }), y: axis(say("in_percent", { measure: say("precision") }), { max: 100 }) },
        plugins: { legend: legend(), tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${item.parsed.x.toFixed(1)} % / ${item.parsed.y.toFixed(1)} %` } } },
      },
    });
  };

  const drawAll = () => {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    drawClasses();
    drawReliability();
    if (data.thresholds) { drawThresholds(); moveThreshold(); }
    drawCosts();
    drawRecalls();
    drawHistory();
    drawLearning();
  };

  const openCell = (button) => {
    const dialog = find("#behind"), cell = button.dataset.cell;
    const [given, called] = cell.split("-").map(Number);
    const cards = [...all("#mistakes > li"), ...find("#cards-behind").content.querySelectorAll("li.card")]
      .filter((card) => card.dataset.cell === cell).map((card) => card.cloneNode(true));
    find("#behind-title").textContent = say(given === called ? "right" : "taken", { given: data.classes[given], called: data.classes[called] });
    const total = Number(button.textContent);
    find("#behind-note").textContent = say(cards.length === total ? "shown_all" : "shown_some", { n: cards.length, total });
    dialog.querySelector("ul.cards").replaceChildren(...cards);
    dialog.showModal();
    dialog.scrollTop = 0;
  };

  // A box that goes on says in which direction, so that no column and no row is missed.
  const watch = () => {
    const boxes = all(".box, .faces");
    const tell = (box) => {
      const more = [box.scrollLeft + box.clientWidth < box.scrollWidth - 2 && "right", box.scrollTop + box.clientHeight < box.scrollHeight - 2 && "below"];
      box.dataset.more = more.filter(Boolean).join(" ");
    };
    const watcher = new ResizeObserver((changes) => changes.forEach(({ target }) => tell(target)));
    boxes.forEach((box) => { watcher.observe(box); box.addEventListener("scroll", () => tell(box), { passive: true }); });
    return () => boxes.forEach(tell);
  };

  const setHeat = (shown) => {
    root.dataset.heat = shown ? "on" : "off";
    all(".heat-switch").forEach((box) => { box.checked = shown; });
  };

  const wire = () => {
    all("input[name=measure]").forEach((radio) => radio.addEventListener("change", () => { state.measure = radio.value; drawClasses(); }));
    find("#smooth")?.addEventListener("change", (event) => { state.smooth = event.target.checked; drawHistory(); });
    all(".heat-switch").forEach((box) => box.addEventListener("change", () => setHeat(box.checked)));
    all("button[data-cell]").forEach((button) => button.addEventListener("click", () => openCell(button)));
    const dialog = find("#behind");
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    if (data.thresholds) {
      const slider = find("#threshold");
      slider.max = data.thresholds.threshold.length - 1;
      slider.value = data.thresholds.start;
      slider.addEventListener("input", moveThreshold);
    }
    addEventListener("beforeprint", () => all("details").forEach((fold) => { fold.open = true; }));
    addEventListener("beforeprint", () => charts.forEach((chart) => chart.resize()));
  };

  wire();
  const tellBoxes = watch();
  switches.start(() => { drawAll(); tellBoxes(); });
  drawAll();
})();
