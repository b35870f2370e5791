"""Modules are parsed and bundled in the order in which a browser would run them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest

from app.assets.bundle import bundle_modules
from app.assets.es_module import BundleError, read_module
from app.assets.pages import PAGES
from app.assets.static_files import static_files
from app.assets.strip_comments import strip_comments
from app.checkpoint.errors import StartupError

STATIC = Path(__file__).parents[2] / "static"


def joined(**sources: str) -> dict[str, str]:
    """The files of the page whose first module is js/page.js; `sources` are js/NAME.js."""
    texts = {posixpath.normpath(f"js/{name}.js"): text for name, text in sources.items()}
    return bundle_modules("js/page.js", texts.__getitem__)


def test_one_module() -> None:
    module = read_module(
        "js/a.js",
        """// What it does.
import { b, c as d } from "./b.js";
import e from "../vendor/e/e.js";
import * as all from "./all.js";
import "./once.js";
import f, { g } from './f.js';

export const h = `import { x } of "y"`;
export function i() {}
export async function* j() {}
export class K {}
const more = () => import("./later.js").then(({ l }) => l);
export { more as m, h as n };
""",
    )
    assert [(each.path, each.names) for each in module.imports] == [
        ("js/b.js", (("b", "b"), ("c", "d"))),
        ("vendor/e/e.js", (("default", "e"),)),
        ("js/all.js", (("*", "all"),)),
        ("js/once.js", ()),
        ("js/f.js", (("default", "f"), ("g", "g"))),
    ]
    names = {"h": "h", "i": "i", "j": "j", "K": "K", "m": "more", "n": "h"}
    assert dict(module.exports) == names
    assert module.dynamic_imports == ("js/later.js",)
    assert "export" not in module.body and "export const" not in module.body
    assert 'import("./x.js")' in module.replace_dynamic_imports(lambda path: 'import("./x.js")')


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("x();export{te as default};", "te"),
        ("illegal:1}}})();export default hljsGrammar;", "hljsGrammar"),
        ("var a=1;\nexport default globalThis.a;\n", "globalThis.a"),
        ("//#endregion\nexport { vr as default };\n\n", "vr"),
    ],
)
def test_exports_of_vendored_builds(text: str, inner: str) -> None:
    module = read_module("vendor/x/x.js", text)
    assert module.exports == (("default", inner),) and "export" not in module.body


@pytest.mark.parametrize(
    "line",
    [
        "export let a = 1;",
        "export const { a } = b;",
        'export { a } from "./b.js";',
        'export * from "./b.js";',
        "export default function () {}",
        "const a = import(name);",
        "const a = import(`./${name}.js`);",
        "const a = import.meta.url;",
        'const b = 1;\nimport { a } from "./b.js";',
        'import { a } from "elsewhere";',
        'import { "a b" as a } from "./b.js";',
    ],
)
def test_what_is_written_otherwise_is_refused(line: str) -> None:
    with pytest.raises(BundleError, match=r"^js/a\.js: cannot be bundled because of: "):
        read_module("js/a.js", f"// About.\n{line}\nlast();\n")


def test_comment_lines_are_removed() -> None:
    script = """// About.
const a = `
// no comment ${b /* kept */}
\\` // nor this
`; // kept
  // left out, with its `tick
const c = "//";
"""
    lines = script.splitlines(keepends=True)
    assert strip_comments(script) == "".join(lines[1:5] + lines[6:])
    unsure = "// stays\nconst tick = /`/;\n"
    assert strip_comments(unsure) == unsure
    made = joined(page='import "../vendor/x/x.js";\n// ours\n1;', **{"../vendor/x/x": "// theirs"})
    assert "// theirs" in made["page.js"] and "// ours" not in made["page.js"]


def test_vendored_files_may_be_imported_by_a_computed_name() -> None:
    """They are not bundled, so they must not import modules that are in a bundle."""
    line = "const grammar = await import(`../vendor/highlight/${file}.js`);"
    assert line in read_module("js/a.js", line).body
    for path in STATIC.glob("vendor/*/*.js"):
        module = read_module(path.relative_to(STATIC).as_posix(), path.read_text(encoding="utf-8"))
        assert not module.imports and not module.dynamic_imports and module.exports, path


def test_order_is_that_of_a_browser() -> None:
    made = joined(
        page='import { b } from "./b.js";\nimport { a } from "./a.js";\nb(a);',
        a='import { c } from "./c.js";\nexport const a = c;',
        b='import { c } from "./c.js";\nexport function b() {}\nb(c);',
        c="export const c = 1;",
    )
    assert list(made) == ["page.js"]
    assert re.findall("^// (.*)", made["page.js"], re.MULTILINE) == [
        "js/c.js",
        "js/b.js",
        "js/a.js",
        "js/page.js",
    ]
    assert "const { c } = js_c_js;" in made["page.js"]
    assert "return { a };" in made["page.js"]


def test_dynamic_imports_have_separate_chunks() -> None:
    made = joined(
        page='import { own } from "./own.js";\n'
        'import("./left.js");\nown(() => import("./right.js"));',
        own="export const own = 1;",
        left='import { both } from "./both.js";\nimport { own } from "./own.js";\nboth(own);',
        right='import { both } from "./both.js";\nexport const r = both;\nimport("./own.js");',
        both="export const both = 2;",
    )
    assert sorted(made) == ["page.js", "page.left-right.js", "page.left.js", "page.right.js"]
    heads = {name: re.findall("^import .*", text, re.MULTILINE) for name, text in made.items()}
    assert heads == {
        "page.js": [],
        "page.left-right.js": [],
        "page.left.js": [
            'import { js_own_js } from "./page.js";',
            'import { js_both_js } from "./page.left-right.js";',
        ],
        "page.right.js": ['import { js_both_js } from "./page.left-right.js";'],
    }
    both = 'Promise.all([import("./page.right.js"), import("./page.left-right.js")])'
    assert both + ".then(([file]) => file.js_right_js)" in made["page.js"]
    assert "js_own_js" in made["page.right.js"], "no module is there twice"


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"page": 'import { b } from "./a.js";', "a": ""}, "js/page.js: js/a.js does not export b"),
        ({"page": 'import a from "./a.js";', "a": ""}, "does not export default"),
        (
            {"page": 'import "./a.js";', "a": 'import "./b.js";', "b": 'import "./a.js";'},
            "circular import of modules: js/a.js > js/b.js > js/a.js",
        ),
        (
            {"page": 'import "./a.b.js";\nimport "./a_b.js";', "a.b": "", "a_b": ""},
            "names of modules clash",
        ),
    ],
)
def test_bundle_errors_name_the_cause(sources: dict[str, str], words: str) -> None:
    with pytest.raises(BundleError) as error:
        joined(**sources)
    assert words in str(error.value)


def test_every_module_of_ours_is_in_a_file_of_its_page_once() -> None:
    files = static_files(STATIC).files
    for page in PAGES.values():
        if page.module:
            stem = Path(page.module).stem
            texts = [
                file.plain.decode()
                for path, file in files.items()
                if path.startswith("joined/")
                and path.endswith(".js")
                and stem in path.split(".")[0]
            ]
            names = [
                name for text in texts for name in re.findall(r"^export const (\w+)", text, re.M)
            ]
            assert len(names) == len(set(names))
    own = {path.name for path in STATIC.glob("js/*.js")} - {"theme.js"}
    all_joined = "\n".join(f.plain.decode() for p, f in files.items() if p.startswith("joined/"))
    assert own == {name for name in own if f"\n// js/{name}\n" in f"\n{all_joined}"}
    first = files["joined/page.js"].plain.decode()
    assert "// js/conversation_tree.js\n" in first
    assert "// js/markdown.js\n" not in first, "it comes with the first answer"


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        (
            "js/page.js",
            "export let a = 1;",
            "js/page.js: cannot be bundled because of: export let a",
        ),
        ("css/base.css", "@import 'x.css';", "css/base.css: cannot be bundled because of: @import"),
        ("css/base.css", "a { b: url(x.svg) }", "because of: url(x.svg)"),
        ("css/base.css", None, "css/base.css: is imported but missing"),
        ("js/page.js", 'import "./a.js";', "js/a.js: is imported but missing"),
        ("js/page.js", "\xff", "js/page.js: is not UTF-8"),
    ],
)
def test_a_server_whose_files_cannot_be_bundled_does_not_start(
    tmp_path: Path, path: str, text: str | None, words: str
) -> None:
    for page in PAGES.values():
        for each in (*page.styles, page.module or "js/theme.js"):
            (tmp_path / each).parent.mkdir(exist_ok=True)
            (tmp_path / each).write_text("", encoding="utf-8")
    assert static_files(tmp_path).version
    static_files.cache_clear()
    if text is None:
        (tmp_path / path).unlink()
    else:
        (tmp_path / path).write_text(text, encoding="latin-1")
    with pytest.raises(StartupError) as error:
        static_files(tmp_path)
    assert words in str(error.value)
