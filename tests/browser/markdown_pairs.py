r"""Sixty texts as models write them, and their rendering.

A formula is written <math>, a block of code <pre> with its language and
¶ where a line ends; attributes that every link or block has are left out (test_markdown_pairs.py).
"""

from __future__ import annotations

EMPHASIS = (
    ("**注意：**请先备份", "<p><strong>注意：</strong>请先备份</p>"),
    ("**“引号”**里的话", "<p><strong>“引号”</strong>里的话</p>"),
    ("他说**“你好”**然后走了", "<p>他说<strong>“你好”</strong>然后走了</p>"),
    ("这是**重点。**下一句", "<p>这是<strong>重点。</strong>下一句</p>"),
    ("请看**《西湖》**这本书", "<p>请看<strong>《西湖》</strong>这本书</p>"),
    ("价格**100元（含税）**起", "<p>价格<strong>100元（含税）</strong>起</p>"),
    ("**第一步**：打开", "<p><strong>第一步</strong>：打开</p>"),
    ("**步骤1：**`ls`命令", "<p><strong>步骤1：</strong><code>ls</code>命令</p>"),
    ("使用**`git`**命令", "<p>使用<strong><code>git</code></strong>命令</p>"),
    ("*斜体！*和***粗斜。***后", "<p><em>斜体！</em>和<em><strong>粗斜。</strong></em>后</p>"),
    ("~~删除：~~之后", "<p><s>删除：</s>之后</p>"),
    (
        "**甲**和**乙**、**丙，**丁",
        "<p><strong>甲</strong>和<strong>乙</strong>、<strong>丙，</strong>丁</p>",
    ),
    ("中文**bold.**中文", "<p>中文<strong>bold.</strong>中文</p>"),
    ("**（一）**概述", "<p><strong>（一）</strong>概述</p>"),
    (
        "1. **安装：**运行\n2. **配置（可选）**编辑",
        "<ol><li><strong>安装：</strong>运行</li><li><strong>配置（可选）</strong>编辑</li></ol>",
    ),
    ("- **“A”**与**‘B’**同", "<ul><li><strong>“A”</strong>与<strong>‘B’</strong>同</li></ul>"),
    (
        "## **结论：**可行\n**共计：¥100**元\n#### 附\n## 二\n# 三",
        '<h3 class="rank-2"><strong>结论：</strong>可行</h3><p><strong>共计：¥100</strong>元</p>'
        '<h4 class="rank-4">附</h4><h3 class="rank-2">二</h3><h3 class="rank-1">三</h3>',
    ),
    (
        "| **名称：**甲 |\n|---|\n| **值。**1 |",
        "<table><thead><tr><th><strong>名称：</strong>甲</th></tr></thead>"
        "<tbody><tr><td><strong>值。</strong>1</td></tr></tbody></table>",
    ),
    ("变量snake_case_name与2**3**2", "<p>变量snake_case_name与2<strong>3</strong>2</p>"),
    ("a * b * c，3 ** 2，**未完", "<p>a * b * c，3 ** 2，**未完</p>"),
)

MATHS = (
    ("$E=mc^2$", "<p><math>E=mc2</math></p>"),
    ("价格 $5 和 $6", "<p>价格 $5 和 $6</p>"),
    ("价格$5和$6，US$7到HK$8", "<p>价格$5和$6，US$7到HK$8</p>"),
    ("It costs $5 or 10$, or $1,000.50", "<p>It costs $5 or 10$, or $1,000.50</p>"),
    ("原价$100，现价80$；$5/month or 9$", "<p>原价$100，现价80$；$5/month or 9$</p>"),
    (
        "当$x>0$时，$f(x)$单调；the $n$th",
        "<p>当<math>x&gt;0</math>时，<math>f(x)</math>单调；the <math>n</math>th</p>",
    ),
    (
        r"$0<x<1$，$2x$，3$\times$3，共 $5",
        "<p><math>0&lt;x&lt;1</math>，<math>2x</math>，3<math>×</math>3，共 $5</p>",
    ),
    ("$HOME/$USER, $a=$b, `$x$`", "<p>$HOME/$USER, $a=$b, <code>$x$</code></p>"),
    ("使用$和$符号, ($) and ($)", "<p>使用$和$符号, ($) and ($)</p>"),
    (r"\$5\$ 与 $a\$b$ 与 $ x $", "<p>$5$ 与 <math>a$b</math> 与 $ x $</p>"),
    (
        r"求 \(x^2\) 与 \[y\] 与 $$z$$",
        "<p>求 <math>x2</math> 与 <display>y</display> 与 <display>z</display></p>",
    ),
    (
        "所以\n$$\n\\frac{1}{2}\n\n- 3\n$$\n共 $5。",
        "<p>所以</p><display>12−3</display><p>共 $5。</p>",
    ),
    (
        "解：\n\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}\n得",
        "<p>解：</p><display>a=bc=d</display><p>得</p>",
    ),
    ("```math\n\\frac{1}{2}\n```\n后 $6", "<display>12</display><p>后 $6</p>"),
    (
        "\\begin{itemize}\n\\end{itemize}",
        "<p>\\begin{itemize}<br>\\end{itemize}</p>",
    ),
)

_TASK, _DONE = '<span class="task">[ ] </span>', '<span class="task done">[x] </span>'
TASKS_AND_LINKS = (
    (
        "- [ ] 买菜\n- [x] **做：**饭\n- [X] c",
        f'<ul><li class="task-item">{_TASK}买菜</li>'
        f'<li class="task-item">{_DONE}<strong>做：</strong>饭</li>'
        f'<li class="task-item">{_DONE}c</li></ul>',
    ),
    (
        "1. [x] a\n   - [ ] b\n2. c",
        f'<ol><li class="task-item">{_DONE}a<ul><li class="task-item">{_TASK}b</li></ul></li>'
        "<li>c</li></ol>",
    ),
    (
        "- [x](https://a.example)\n- [] b\n\n[ ] c",
        '<ul><li><a href="https://a.example">x</a></li><li>[] b</li></ul><p>[ ] c</p>',
    ),
    (
        "见https://a.example/x，然后。",
        '<p>见<a href="https://a.example/x">https://a.example/x</a>，然后。</p>',
    ),
    (
        "(http://127.0.0.1:8000/v1?a=1&b=2). **https://b.example/**",
        '<p>(<a href="http://127.0.0.1:8000/v1?a=1&amp;b=2">http://127.0.0.1:8000/v1?a=1&amp;b=2</a>'
        "). "
        '<strong><a href="https://b.example/">https://b.example/</a></strong></p>',
    ),
    (
        "“https://c.example/A_(b)”和ftp://d.example",
        '<p>“<a href="https://c.example/A_(b)">https://c.example/A_(b)</a>”和ftp://d.example</p>',
    ),
    (
        "javascript:alert(1) [x](javascript:alert(1)) www.e.example f@e.example",
        "<p>javascript:alert(1) [x](javascript:alert(1)) www.e.example f@e.example</p>",
    ),
    (
        "![断桥](https://a.example/i.png) ![本地](i.png)",
        '<p><a class="image" href="https://a.example/i.png">断桥</a> 本地</p>',
    ),
    (
        "[![标](https://a.example/b.svg)](https://b.example)",
        '<p><a href="https://b.example">标</a></p>',
    ),
    (
        "说法[^1]，[^a]与[^0-9]。\n\n[^1]: 注**一：**在\n[^2]: https://a.example",
        "<p>说法<sup>1</sup>，[^a]与[^0-9]。</p>"
        '<p class="footnote"><sup>1</sup> 注<strong>一：</strong>在</p>'
        '<p class="footnote"><sup>2</sup> <a href="https://a.example">https://a.example</a></p>',
    ),
)

FENCES = (
    ("```python\nprint(1)\n```", '<pre class="python">print(1)¶</pre>'),
    ("```\nplain **x** $y$\n```\n后", '<pre class="">plain **x** $y$¶</pre><p>后</p>'),
    ("```c++\nint x;\n\nint y;\n```", '<pre class="c++">int x;¶¶int y;¶</pre>'),
    ("~~~java\n```\nint x;\n~~~", '<pre class="java">```¶int x;¶</pre>'),
    ("````markdown\n```js\nx\n```\n````", '<pre class="markdown">```js¶x¶```¶</pre>'),
    (
        "例：\n```html\n<b onclick=x>\n```\n**完：**好",
        '<p>例：</p><pre class="html">&lt;b onclick=x&gt;¶</pre><p><strong>完：</strong>好</p>',
    ),
    ("```sql\nSELECT 1; -- $5\n", '<pre class="sql">SELECT 1; -- $5¶</pre>'),
    (
        "1. 一\n   ```sh\n   ls\n   ```\n2. 二",
        '<ol><li>一<pre class="sh">ls¶</pre></li><li>二</li></ol>',
    ),
    (
        "> ```yaml\n> a: 1\n> ```\n> 引",
        '<blockquote><pre class="yaml">a: 1¶</pre><p>引</p></blockquote>',
    ),
    ("```diff\n- a\n+ b\n```\n- c", '<pre class="diff">- a¶+ b¶</pre><ul><li>c</li></ul>'),
    ("```ts title=x\nlet a;\n```", '<pre class="ts">let a;¶</pre>'),
    ("```go\n\tx := 1\n```", '<pre class="go">\tx := 1¶</pre>'),
    ("    indented\n    code\n\n完", '<pre class="">indented¶code¶</pre><p>完</p>'),
    ("`` a`b `` 与 ```c```", "<p><code>a`b</code> 与 <code>c</code></p>"),
    (
        "```math\nx^2\n\n没有结束",
        '<pre class="math">x^2¶¶没有结束</pre>',
    ),
)

PAIRS = (*EMPHASIS, *MATHS, *TASKS_AND_LINKS, *FENCES)
