// The page itself: pictures in, answers with their reasons out, one after another.
(() => {
  const LONGEST = 512; // pixels of the longer side as a picture is shown
  const BARS = 6;
  const MOST = 50; // pictures at a time
  const find = (selector) => document.querySelector(selector);
  let told = null; // what the model says of itself
  let photos = 0;
  let queue = Promise.resolve();

  // Texts stand in the page in both languages. What comes from elsewhere is shown and not obeyed, and cannot turn the
  // words around it.
  const plain = (value) => (typeof value === "string" && /[^\d.%<>\s]/u.test(value) ? `\u2068${value.replace(/[\p{Cc}\p{Cf}]/gu, "\ufffd")}\u2069` : value);
  const filled = (values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(value)]));
  const both = (code, values = {}) => ["en", "zh"].map((language) => {
    const span = made("span", "", switches.say(code, filled(values), language));
    span.lang = language;
    return span;
  });
  const made = (kind, className = "", ...children) => {
    const element = document.createElement(kind);
    element.className = className;
    element.append(...children);
    return element;
  };
  const label = (element, code, values = {}) => {
    for (const [name, language] of [["labelEn", "en"], ["labelZh", "zh"]]) {
      element.dataset[name] = switches.say(code, filled(values), language);
    }
    element.setAttribute("aria-label", switches.say(code, filled(values)));
  };
  const tell = (code, values) => find("#status").replaceChildren(...(code ? both(code, values) : []));
  const spoken = (trouble, name) => {
    if (!(trouble instanceof Trouble)) return both("failed", { name, reason: String(trouble.message || trouble) });
    if (trouble.code === "unreadable") return both("unreadable", { name });
    return ["en", "zh"].map((language) => {
      const reason = switches.say(trouble.code, filled(trouble.values), language);
      const span = made("span", "", switches.say("failed", { name: plain(name), reason }, language));
      span.lang = language;
      return span;
    });
  };
  const whole = (share) => percent(share).replaceAll(" ", "\u00a0"); // on one line
  const painted = () => new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve)); });
  const canvasOf = (image) => {
    const canvas = made("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  };

  // Answers

  const add = (blob, name) => {
    const item = made("li", "answer");
    const remove = made("button", "close", "×");
    remove.type = "button";
    label(remove, "remove", { name });
    remove.addEventListener("click", () => { item.remove(); find("#answered").hidden = !find("#answers").children.length; find("#choose").focus(); });
    item.append(made("div", "seen"), made("div", "said", made("p", "path", made("bdi", "", plain(name)))), remove);
    find("#answers").prepend(item);
    find("#answered").hidden = false;
    queue = queue.then(() => work(item, blob, name));
  };

  const work = async (item, blob, name) => {
    if (!item.isConnected) return;
    tell("looking", { name });
    await painted();
    try {
      const answer = await engine.answer(blob);
      const picture = await pixels.shown(blob, LONGEST).catch(() => null); // a server reads more formats than a browser
      const called = told.classes[answer.label];
      show(item, { answer, picture, called, name, blob });
      tell("said", { name, called, share: whole(answer.probabilities[answer.label]) });
      await explain(item, answer.label, { answer, picture, blob });
    } catch (trouble) {
      item.classList.add("failed");
      item.querySelector(".said").append(made("p", "flag", ...spoken(trouble, name)));
      tell();
    }
  };

  const show = (item, { answer, picture, called, name, blob }) => {
    if (picture) {
      const canvas = canvasOf(picture);
      canvas.setAttribute("role", "img");
      label(canvas, "picture", { name, called });
      item.querySelector(".seen").append(canvas);
      item.querySelector(".seen").style.setProperty("--ratio", `${picture.width} / ${picture.height}`);
    }
    const share = answer.probabilities[answer.label];
    const order = answer.probabilities.map((_, place) => place).sort((a, b) => answer.probabilities[b] - answer.probabilities[a]);
    item.querySelector(".said").append(
      made("p", "called", made("bdi", "", called), " ", made("span", "number", percent(share))),
      ...remarks(answer, order[0]),
      bars(item, order, { answer, picture, blob }),
      made("p", "aside caption"),
    );
  };

  const remarks = ({ label: answered, unsure, unlike }, likeliest) => [
    unlike && made("p", "flag", ...both("unlike")),
    unsure && made("p", "flag", ...both("unsure")),
    !unsure && !unlike && standing(unsure),
    answered !== likeliest && made("p", "aside", ...both("by_costs")),
  ].filter(Boolean);

  // What is promised of an answer without a mark; of a model that promises little or nothing it says no more than that.
  const standing = (unsure) => {
    const { weak, error } = told.promise;
    if (unsure === null || (weak && error === null)) return made("p", "aside", ...both("no_promise"));
    return weak ? made("p", "aside", ...both("weak", { error: whole(error) })) : made("p", "fine", ...both("sure"));
  };

  const bars = (item, order, shown) => {
    const { probabilities, label: answered } = shown.answer;
    const first = order.slice(0, BARS);
    const listed = first.includes(answered) ? first : [...first.slice(0, -1), answered];
    const list = made("ul", "bars");
    label(list, "all_classes");
    listed.forEach((place) => {
      const button = made("button", "bar", made("span", "share"), made("bdi", "", told.classes[place]), made("span", "number", percent(probabilities[place])));
      button.type = "button";
      button.dataset.place = place;
      button.style.setProperty("--share", probabilities[place]);
      button.disabled = !told.heat || !shown.picture;
      button.addEventListener("click", () => { queue = queue.then(() => explain(item, place, shown)); });
      list.append(made("li", "", button));
    });
    const left = probabilities.length - listed.length;
    if (left > 0) list.append(made("li", "aside", ...both("more_classes", { n: left })));
    return list;
  };

  // Which parts of a picture speak for a class, beside the picture itself.
  const explain = async (item, place, { answer, picture, blob }) => {
    const caption = item.querySelector(".caption");
    if (!picture || !item.isConnected) return;
    if (!told.heat) {
      caption.replaceChildren(...both("heat.none"));
      return;
    }
    caption.replaceChildren(...both("heat.waiting"));
    await painted();
    const own = place === answer.label ? answer.heat : undefined;
    const heat = own === undefined ? await engine.explain(blob, place).catch(() => null) : own;
    item.querySelector("canvas.heat")?.remove();
    item.querySelectorAll(".bar").forEach((bar) => { bar.setAttribute("aria-pressed", String(Number(bar.dataset.place) === place)); });
    if (!heat) {
      caption.replaceChildren(...both("heat.none"));
      return;
    }
    const { covered, limit } = heatMap.overlay(picture, heat);
    const canvas = canvasOf(covered);
    canvas.classList.add("heat");
    canvas.setAttribute("aria-hidden", "true");
    item.querySelector(".seen").append(canvas);
    const scale = made("span", "scale", made("i"), ...both("heat.limit", { limit: limit.toPrecision(3) }));
    caption.replaceChildren(...both(`heat.${heat.method}`, { called: told.classes[place] }), " ", scale);
  };

  // The model's own test pictures

  const blobOf = (card) => new Blob([Uint8Array.from(atob(card.png), (character) => character.charCodeAt(0))], { type: "image/png" });

  // What is wrong with an answer about a test picture, as a code and its values; null where it is within rounding.
  const wrongWith = ({ label: answered, probabilities, features, unsure, unlike }, card) => {
    const [start, stop] = told.last;
    if (features && card.features) {
      const square = (total, value) => total + value * value;
      const length = Math.sqrt(card.features.reduce(square, 0));
      const off = Math.sqrt(card.features.map((value, place) => features[start + place] - value).reduce(square, 0)) / Math.max(length, 1e-12);
      if (stop - start !== card.features.length || !(off <= told.tolerance.features)) return ["test.features", { off: whole(off) }];
    }
    const off = Math.max(...card.probabilities.map((value, place) => Math.abs(value - probabilities[place])));
    if (!(off <= told.tolerance.probability)) return ["test.probabilities", { off: whole(off) }];
    if (!card.accepted.includes(answered)) return ["test.label", {}];
    const marks = { unsure, unlike };
    return ["unsure", "unlike"].every((mark) => card.close.includes(mark) || marks[mark] === card[mark]) ? null : ["test.marks", {}];
  };

  const listed = (card) => {
    const image = made("img");
    image.src = `data:image/png;base64,${card.png}`;
    image.alt = "";
    const said = (code, called, share) => made("p", "", ...both(code, { called, share: whole(share) }));
    const item = made("li", "test", image, said("test.expected", told.classes[card.label], card.probabilities[card.label]), made("p", "outcome", ...both("test.waiting")));
    find("#tests").append(item);
    const judged = (answer) => {
      const wrong = answer ? wrongWith(answer, card) : ["test.failed", {}];
      item.classList.add(wrong ? "differs" : "same");
      item.lastChild.replaceChildren(wrong ? "✗ " : "✓ ", ...both(...(wrong || ["test.same", {}])));
      if (wrong && answer) item.lastChild.before(said("test.given", told.classes[answer.label], answer.probabilities[answer.label]));
      return !wrong;
    };
    return { card, judged };
  };

  const test = async () => {
    find("#tested").hidden = false;
    find("#verdict").replaceChildren(...both("tests.waiting"));
    const cards = told.cards.map(listed);
    let wrong = 0;
    for (const { card, judged } of cards) {
      await painted();
      wrong += judged(await engine.answer(blobOf(card)).catch(() => null)) ? 0 : 1;
    }
    const verdict = wrong ? ["tests.differ", { n: wrong, total: cards.length }] : ["tests.same", { n: cards.length }];
    find("#verdict").className = wrong ? "differs" : "same";
    find("#verdict").replaceChildren(...both(...verdict));
    find("#warning").hidden = !wrong;
    find("#warning").replaceChildren(...(wrong ? both(...verdict) : []));
  };

  // Ways for pictures to come in

  const take = (files) => {
    const given = [...files];
    if (!given.length) tell("no_picture");
    given.slice(0, MOST).forEach((file) => add(file, file.name || switches.say("pasted")));
    if (given.length > MOST) queue = queue.then(() => tell("too_many", { most: MOST, left: given.length - MOST }));
  };

  const openCamera = async () => {
    if (!navigator.mediaDevices?.getUserMedia) {
      find("#snapshot").click(); // a phone's own camera; elsewhere a choice of files
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      endCamera(); // where it was open already
      find("#viewfinder video").srcObject = stream;
      find("#viewfinder").hidden = false;
      find("#shoot").focus();
    } catch (error) {
      tell("no_camera", { reason: String(error.message || error.name) });
    }
  };
  const endCamera = () => {
    const video = find("#viewfinder video");
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  };
  const closeCamera = () => {
    endCamera();
    find("#viewfinder").hidden = true;
    find("#camera").focus();
  };
  const shoot = () => {
    const video = find("#viewfinder video");
    if (!video.videoWidth) return;
    const canvas = made("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    photos += 1;
    const name = switches.say("photo", { n: photos });
    canvas.toBlob((blob) => { if (blob) add(blob, name); }, "image/png");
  };

  const listen = () => {
    const on = (selector, event, act) => find(selector).addEventListener(event, act);
    on("#choose", "click", () => find("#files").click());
    for (const input of ["#files", "#snapshot"]) {
      on(input, "change", (event) => { take(event.target.files); event.target.value = ""; });
    }
    on("#camera", "click", openCamera);
    on("#shoot", "click", shoot);
    on("#stop", "click", closeCamera);
    on("#clear", "click", () => { find("#answers").replaceChildren(); find("#answered").hidden = true; find("#choose").focus(); });
    on("#heat", "change", (event) => { document.documentElement.dataset.heat = event.target.checked ? "on" : "off"; });
    document.addEventListener("paste", (event) => {
      if (!(event.target instanceof HTMLInputElement)) take(event.clipboardData.files);
    });
    document.addEventListener("dragover", (event) => { event.preventDefault(); find("#drop").classList.add("over"); });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) find("#drop").classList.remove("over"); });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      find("#drop").classList.remove("over");
      take(event.dataTransfer.files);
    });
  };

  const introduce = () => {
    const title = find("title");
    const name = { name: told.name };
    [title.dataset.titleEn, title.dataset.titleZh] = ["en", "zh"].map((language) => switches.say("title", name, language));
    document.title = switches.say("title", name);
    find("#name").textContent = plain(told.name);
    find("#classes").replaceChildren(...told.classes.slice(0, 40).flatMap((each, place) => [place ? " · " : "", made("bdi", "", each)]), told.classes.length > 40 ? " …" : "");
    find("#known").hidden = find("#asking").hidden = false;
  };

  const start = async () => {
    switches.start();
    tell("loading");
    await painted();
    try {
      told = await engine.load();
    } catch (trouble) {
      const reason = trouble instanceof Trouble ? null : String(trouble.message || trouble);
      const words = reason === null ? spoken(trouble, "tellapart") : both("cannot_load", { reason });
      find("#warning").hidden = false;
      find("#warning").replaceChildren(...words);
      tell();
      return;
    }
    introduce();
    listen();
    tell("testing");
    await test();
    tell("ready");
  };

  queue = start();
})();
