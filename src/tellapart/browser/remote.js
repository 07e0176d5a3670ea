// The engine of a page that a server answers for, the one that it came from.
const engine = (() => {
  let told = null;
  let key = "";

  const asked = async (address, body, accept = "application/json") => {
    const headers = { Accept: accept, ...(key && { Authorization: `Bearer ${key}` }) };
    let response;
    try {
      response = await fetch(address, { method: body ? "POST" : "GET", body, headers, cache: "no-store" });
    } catch {
      throw new Trouble("unreachable");
    }
    const document = await response.json().catch(() => ({ code: "own_fault" }));
    if (!response.ok) throw new Trouble(`refused.${document.code}`);
    return document;
  };

  // The key is kept in this page alone, and only as long as it is open.
  const keyFromReader = () => new Promise((resolve) => {
    const form = document.getElementById("key");
    form.hidden = false;
    form.querySelector("input").focus();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      form.hidden = true;
      resolve(form.querySelector("input").value.trim());
    }, { once: true });
  });

  const load = async () => {
    for (;;) {
      try {
        told = await asked("cards");
        return told;
      } catch (trouble) {
        if (trouble.code !== "refused.no_key") throw trouble;
        document.getElementById("key-wrong").hidden = !key;
        key = await keyFromReader();
      }
    }
  };

  const answer = async (blob) => {
    const [found] = (await asked("predict", blob)).answers;
    const { unsure, unlike } = found;
    const probabilities = told.classes.map((name) => found.probabilities[name]);
    return { label: told.classes.indexOf(found.predicted), probabilities, features: null, unsure, unlike };
  };
  const explain = async (blob, target) => {
    const found = await asked(`explain?class=${encodeURIComponent(told.classes[target])}`, blob);
    const bytes = Uint8Array.from(atob(found.values), (character) => character.charCodeAt(0));
    return { ...found, target, values: new Float32Array(bytes.buffer) };
  };

  return { load, answer, explain };
})();
