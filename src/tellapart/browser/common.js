const content = JSON.parse(document.getElementById("content").textContent);

// Something that a reader is told, by the code of its text.
class Trouble extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}
