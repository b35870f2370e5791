// Finds lines in JSON text: of a syntax error, and of a value by its path. Browsers' own messages
// name the place in different ways, or not at all.

const TOKEN =
  /[ \t\n\r]*([{}[\],:]|"(?:[^"\\\n]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

// Returns {error: the line of a syntax error or null, lines: a Map from each value's path
// ("properties.name.type", "" for the whole) to its line}. Lines count from 1.
export function scanJson(text) {
  const scanner = new JsonScanner(text);
  try {
    scanner.value([]);
    if (text.slice(scanner.end).trim()) scanner.fail();
    return { error: null, lines: scanner.lines };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { error: scanner.line(), lines: scanner.lines };
  }
}

// The line of the value at a path of names, or of the innermost value around it that the text has.
export function lineOfPath(text, path) {
  const { lines } = scanJson(text);
  const names = [...path];
  while (names.length && !lines.has(names.join("."))) names.pop();
  return lines.get(names.join(".")) ?? 1;
}

class JsonScanner {
  lines = new Map();
  end = 0; // of the last token

  constructor(text) {
    this.text = text;
  }

  // The line of the text after the last token.
  line() {
    const start = this.end + this.text.slice(this.end).search(/[^ \t\n\r]|$/);
    return this.text.slice(0, start).split("\n").length;
  }

  value(path) {
    this.lines.set(path.join("."), this.line());
    const token = this.next();
    if (token === "{") this.members(path, "}");
    else if (token === "[") this.members(path, "]");
    else if ("}],:".includes(token)) this.fail(token);
  }

  // The members of an object or array, up to its closing bracket.
  members(path, bracket) {
    if (this.peek() === bracket) return void this.next();
    for (let index = 0; ; index += 1) {
      let name = String(index);
      if (bracket === "}") {
        if (this.peek()?.[0] !== '"') this.fail();
        name = JSON.parse(this.next());
        if (this.peek() !== ":") this.fail();
        this.next();
      }
      this.value([...path, name]);
      const following = this.peek();
      if (following !== "," && following !== bracket) this.fail();
      this.next();
      if (following === bracket) return undefined;
    }
  }

  next() {
    const token = this.peek();
    if (token === null) this.fail();
    if (token.startsWith('"')) JSON.parse(token); // throws at a wrong escape or control character
    this.end = TOKEN.lastIndex;
    return token;
  }

  peek() {
    TOKEN.lastIndex = this.end;
    return TOKEN.exec(this.text)?.[1] ?? null;
  }

  // Before `token` if it is what is wrong.
  fail(token = "") {
    this.end -= token.length;
    throw new SyntaxError("not JSON");
  }
}
