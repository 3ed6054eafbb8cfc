"""Writes rendered.json and published.json: what `transformers` makes of chat templates.

Outside truth for `tests/templates.rs`. Written with transformers 5.24.0, jinja2 3.1.6 and the templates of
the package trl 1.16.0 (Apache-2.0):

    pip install transformers==5.24.0 jinja2==3.1.6 && pip download --no-deps trl==1.16.0
    python make.py trl-1.16.0-py3-none-any.whl
"""

import json, sys, zipfile
from datetime import datetime
from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import render_jinja_template


class Fixed(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 3, 4, 5)


chat_template_utils.datetime = Fixed

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
ONE = [{"role": "user", "content": "What is Infergrid?"}]
MANY = [
    {"role": "system", "content": " Be <b>brief</b> & kind. "},
    {"role": "user", "content": "Hi\n\n"},
    {"role": "assistant", "content": "<think>\nA thought.\n</think>\n\nHello é 🦀!"},
    {"role": "user", "content": "  'Quotes' \"and\" {{ braces }}\n"},
]
CLOSED = MANY[:3]
EMPTY = [{"role": "system", "content": ""}, {"role": "user", "content": ""}]

PUBLISHED = """llama3 llama3_training llama3_1 llama3_2 qwen2_5 qwen2_5_training qwen3 qwen3_training
qwen3_instruct_2507 qwen3_5_think qwen3_8 deepseekv3 deepseek_r1_distill phi3 phi3_5_training gemma gemma3_training
glm4moe lfm2 lfm2_training cohere cohere2 smolvlm gptoss nemotron_3_nano""".split()

# Small ones, each for a habit of Python's that templates rely on. `m` is MANY where nothing else is said.
HABITS = r"""
{{ none }}|{{ true }}|{{ false }}|{{ 1.0 }}|{{ 3 // 2 }}|{{ 7 % 4 }}|{{ 2 ** 5 }}|{{ 1 / 2 }}
{{ [1, 'a', none, true, 1.5] }}|{{ {'a': "it's", 'b': [2]} }}|{{ (1, 'x') }}|{{ ('x',) }}
{{ 'a\nb\t\'c\' \\ \x41 \u00e9' }}|{{ "d\"e" }}
{{ tools is none }}|{{ tools is defined }}|{{ documents is none }}|{{ nothing is defined }}|{{ nothing is none }}
{{ nothing }}|{{ nothing | default('d') }}|{{ '' | default('d', true) }}|{{ none | default('d', boolean=true) }}|{{ none | default('d') }}
{{ 'x' is sequence }}|{{ [] is sequence }}|{{ {} is sequence }}|{{ 1 is sequence }}|{{ messages is sequence }}
{{ 'x' is iterable }}|{{ {} is iterable }}|{{ 1 is iterable }}|{{ none is iterable }}
{{ 'x' is string }}|{{ 1 is string }}|{{ {} is mapping }}|{{ [] is mapping }}|{{ true is number }}|{{ true is integer }}|{{ 1 is integer }}|{{ 1.0 is float }}|{{ true is boolean }}
{{ 4 is divisibleby 2 }}|{{ 3 is odd }}|{{ 'A' is upper }}|{{ 'a' is in ['a'] }}|{{ 'a' is eq 'a' }}|{{ 1 is sameas 1 }}
{% if messages | selectattr('role', 'equalto', 'none') %}generators are true{% else %}false{% endif %}
{% if messages | selectattr('role', 'equalto', 'none') | list %}true{% else %}empty lists are false{% endif %}
{% if messages | map(attribute='role') %}true{% endif %}{% if [] | reject('none') %}true{% endif %}{% if [] | unique %}true{% endif %}{% if [] | batch(2) %}true{% endif %}
{% set users = messages | selectattr('role', 'equalto', 'user') %}{% for m in users %}{{ m.role }}{{ loop.last }}{% endfor %}|{% for m in users %}again{% endfor %}
{{ messages | map(attribute='role') | join(', ') }}|{{ messages | map('length') | list }}|{{ messages | map(attribute='nope', default='-') | join }}
{{ messages | rejectattr('role', 'in', ['user', 'system']) | map(attribute='role') | list }}
{{ (messages | selectattr('role', 'eq', 'user') | first).content }}|{{ (messages | last).role }}|{{ messages | length }}
{{ messages[0].role }}{{ messages[-1]['role'] }}{{ messages[1:] | length }}{{ messages[::-1][0].role }}{{ messages[:-1] | length }}{{ 'abcd'[1] }}{{ 'abcd'[-1] }}{{ 'abcd'[1:3] }}{{ 'abcd'[::-1] }}
{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.found = true %}{% set ns.n = ns.n + 1 %}{% endif %}{% endfor %}{{ ns.found }}{{ ns.n }}
{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{% else %}none{% endfor %}
{% for m in messages %}{% if loop.index == 2 %}{% continue %}{% endif %}{% if loop.index == 4 %}{% break %}{% endif %}{{ m.role }}{% endfor %}
{% for m in messages %}{{ loop.previtem.role if loop.previtem }}>{{ loop.nextitem.role if loop.nextitem is defined }};{{ loop.cycle('a', 'b') }}{% endfor %}
{% for key, value in {'a': 1, 'b': 2}.items() %}{{ key }}={{ value }};{% endfor %}{{ {'a': 1}.get('b') }}{{ {'a': 1}.get('b', 3) }}{{ {'a': 1}.keys() | list }}{{ {'a': 1}.values() | list }}
{% macro show(text, times=2) %}{{ text * times }}{% endmacro %}{{ show('ab') }}{{ show('c', times=3) }}
{% macro wrap(x) -%} <{{ x }}>{{ caller() }} {%- endmacro %}{% call wrap('a') %}inner{% endcall %}
{% set text %}block {{ 1 + 1 }}{% endset %}{{ text }}|{% filter upper %}up{% endfilter %}|{% with a = 1 %}{{ a }}{% endwith %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 'x' if a == 1 else 'y' %}{{ c }}{{ 'z' if false }}|
{{ 1 < 2 < 3 }}{{ not true }}{{ 'a' in 'abc' }}{{ 'a' not in ['b'] }}{{ 'k' in {'k': 1} }}{{ 1 == 1.0 }}{{ none == false }}
{{ 'a' + 'b' }}{{ 'a' ~ 1 ~ 'c' }}{{ [1] + [2] }}{{ 'ab' * 2 }}
{{ 'a b c'.rsplit(' ', 1) }}|{{ 'a b  c'.rsplit() }}|{{ 'abc'.rsplit('x') }}|{{ 'a,b,c'.rsplit(',', maxsplit=1) }}|{{ ' a b '.rsplit(None, 1) }}
{{ 'a b c'.split(' ', 1) }}|{{ ' a  b '.split() }}|{{ 'a,b'.split(',') }}|{{ ' a b c '.split(maxsplit=1) }}|{{ ''.split(',') }}|{{ ''.split() }}|{{ 'a</think>b'.split('</think>')[-1] }}
{{ 'prefix-x'.removeprefix('prefix-') }}|{{ 'x-suffix'.removesuffix('-suffix') }}|{{ 'x'.removeprefix('y') }}
{{ 'a=b=c'.partition('=') }}|{{ 'a=b=c'.rpartition('=') }}|{{ 'abc'.partition('=') }}|{{ 'abc'.rpartition('=') }}
{{ '7'.zfill(3) }}|{{ '-7'.zfill(4) }}|{{ 'a'.ljust(3, '.') }}|{{ 'a'.rjust(3) }}|{{ 'ab'.center(5, '*') }}|{{ 'a'.center(4, '*') }}|{{ 'Ab'.swapcase() }}|{{ 'ABß'.casefold() }}
{{ 'xaxbx'.strip('x') }}|{{ 'xxa'.lstrip('x') }}|{{ 'axx'.rstrip('x') }}|{{ '\n a \t'.strip() }}|{{ '\n\na\n'.lstrip('\n') }}
{{ 'hello World'.title() }}|{{ 'hELLO w'.capitalize() }}|{{ 'aXb'.lower() }}|{{ 'aXb'.upper() }}|{{ 'abcabc'.count('b') }}|{{ 'abcabc'.replace('b', '-', 1) }}
{{ 'abcabc'.find('c') }}|{{ 'abcabc'.rfind('c') }}|{{ 'abc'.find('z') }}|{{ 'abcabc'.index('c') }}|{{ 'abcabc'.rindex('c') }}|{{ 'abcabc'.find('a', 1) }}|{{ 'ébc'.find('c') }}
{{ 'abc'.startswith('a') }}|{{ 'abc'.startswith(('x', 'a')) }}|{{ 'abc'.endswith('bc') }}|{{ 'a\nb\r\nc'.splitlines() }}|{{ 'a\nb'.splitlines(true) }}
{{ '12'.isdigit() }}|{{ 'ab'.isalpha() }}|{{ 'a1'.isalnum() }}|{{ ' '.isspace() }}|{{ 'ab'.islower() }}|{{ 'AB'.isupper() }}|{{ 'Ab Cd'.istitle() }}|{{ 'a_b'.isidentifier() }}
{{ ', '.join(['a', 'b']) }}|{{ 'x{}y{name}'.format(1, name='n') }}|{{ [1, 2, 1].count(1) }}|{{ [1, 2].index(2) }}
{{ ['b', 'a'] | sort }}|{{ ['b', 'A'] | sort(case_sensitive=true) }}|{{ [1, 3, 2] | sort(reverse=true) }}|{{ messages | sort(attribute='role') | map(attribute='role') | list }}
{{ [1, 2, 3] | sum }}|{{ [{'a': 1}, {'a': 2}] | sum(attribute='a') }}|{{ [{'a': 1}] | sum('a', 5) }}|{{ [3, 1] | min }}|{{ [{'a': 3}, {'a': 4}] | max(attribute='a') }}
{{ [1, 2, 3] | batch(2, 'x') | list }}|{{ [1, 2, 3] | slice(2) | list }}|{{ [1, 1, 2] | unique | list }}|{{ 'abc' | reverse }}|{{ [1, 2] | reverse | list }}
{{ [1, none, true] | join('-') }}|{{ [{'n': 1}, {'n': 2}] | join(',', attribute='n') }}|{{ 'abc' | join('.') }}
{{ '  x ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 'a\nb' | indent(2) }}|{{ 'a\n\nb' | indent(width=2, first=true, blank=true) }}|{{ 'a\nb' | indent('> ') }}|{{ 'a\nb' | indent(4, true) }}
{{ 'aaa' | replace('a', 'b', 2) }}|{{ 'hello world' | title }}|{{ 'hELLO' | capitalize }}|{{ 'A' | lower }}|{{ 'a' | upper }}|{{ 'a b c' | wordcount }}
{{ 2.567 | round(1) }}|{{ 2.5 | round }}|{{ 2.1 | round(method='ceil') }}|{{ 2.9 | round(0, 'floor') }}|{{ -3 | abs }}|{{ '12' | int }}|{{ 'x' | int(7) }}|{{ 'x' | int(default=7) }}|{{ '1.5' | float }}|{{ 'ff' | int(base=16) }}
{{ 'a long text here' | truncate(8) }}|{{ 'a long text here' | truncate(8, true, '..') }}|{{ 'ab' | center(6) }}|
{{ {'b': 1, 'a': 2} | dictsort }}|{{ {'b': 1, 'a': 2} | dictsort(by='value') }}|{{ {'a': 1} | items | list }}|{{ {'a': 1} | list }}|{{ 'abc' | list }}
{% for role, group in messages | groupby('role') %}{{ role }}:{{ group | length }};{% endfor %}
{{ messages | tojson }}
{{ {'a': [1, 2.5, none, true], 'é': '<&>\'"\n'} | tojson }}|{{ [] | tojson }}|{{ {} | tojson(indent=2) }}|{{ 'x' | tojson }}|{{ none | tojson }}
{{ {'b': {'c': []}, 'a': [1, {'d': 'é'}]} | tojson(indent=2) }}
{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}|{{ {'b': [1, 2]} | tojson(separators=(',', ':')) }}|{{ 'é🦀' | tojson(ensure_ascii=true) }}|{{ [1, 2] | tojson(indent=4, ensure_ascii=false) }}
{{ '<b>' | e }}|{{ '<b>' | escape }}|{{ '<b>' | safe }}|{{ '<b>' }}|{{ 5 | string + 'x' }}|{{ true | string }}|{{ none | string }}|{{ [1, 'a'] | string }}
{{ range(3) | list }}|{{ range(1, 6, 2) | list }}
{{ dict(a=1) }}
{{ dict([('a', 1)]) }}|{{ dict({'b': 2}, a=1) }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}|{% set j = joiner(',') %}{{ j() }}a{{ j() }}b
{{ strftime_now is defined }}|{{ strftime_now('%Y') | length }}
{%- for m in messages -%} {{- m.role -}} {%- endfor -%} x
  {% if true %}
    indented
  {% endif %}
  {#- a comment -#}  tail
{% raw %}{{ not run }}{% endraw %}|{{ '{{' }}|{{ "{% x %}" }}
{%+ if true %}plus{% endif %}|{% if true +%} stays{% endif %}
{% generation %}a{% endgeneration %}|{%- generation -%} b {%- endgeneration -%} c
{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}
{% if messages %}{% set y = 'leaks' %}{% endif %}{{ y }}{% for m in messages %}{% set y = 'does not' %}{% endfor %}{{ y }}
{{ messages | selectattr('content') | list | length }}|{{ messages | selectattr('nope', 'defined') | list | length }}|{{ messages | map(attribute='content') | map('trim') | map('length') | list }}
{{ messages[0]['nope'] }}|{{ messages[0].nope is defined }}|{{ messages[0].get('nope', 'd') }}|{{ messages[0]['content'] | length }}
{{ messages | map('upper') | list | length }}|{{ ['a', 'b'] | map('upper') | list }}|{{ ['a'] | map('replace', 'a', 'b') | list }}
{{ [[1, 2], [3]] | sum(start=[]) }}|{{ 10 | filesizeformat }}|{{ 'x' | format }}|{{ '%s-%s' | format(1, 'b') }}
{{ 1e3 }}|{{ 1.50 }}|{{ 100000000000000000000 }}|{{ 0.1 + 0.2 }}|{{ 1_000 }}|{{ -1 }}|{{ 5 | float }}
{{ 'tab\tnew' | tojson }}|{{ '\u2028' | tojson }}|{{ '\\' | tojson }}|{{ '/' | tojson }}
{%- if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ add_generation_prompt }}
{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token is defined }}{{ bos_token + 'x' }}
{% set items = [] %}{% set items = items + [1] %}{% set items = items + [2] %}{{ items }}|{{ items[-1] }}|{{ items | length }}
{{ messages == messages }}|{{ [1] == [1] }}|{{ {'a': 1} == {'a': 1} }}|{{ 'a' < 'b' }}|{{ (1, 2) == (1, 2) }}
{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{% endfor %}{% for x in {'k': 1} %}{{ x }}{% endfor %}{% for c in 'ab' %}{{ c }}.{% endfor %}
{{ 1e16 }}|{{ 1e-5 }}|{{ 1e15 }}|{{ 0.0001 }}|{{ -0.0 }}|{{ 1.5e300 }}|{{ 1 / 3 }}|{{ [1e22, 1e-7] }}|{{ {'a': 1e16} | tojson }}|{{ 123456789.5 | tojson }}
{{ "don't stop".title() }}|{{ "don't stop" | title }}|{{ 'aB1c d-e'.title() }}|{{ 'ß x'.title() }}|{{ "It'S".istitle() }}|{{ "It's".istitle() }}|{{ '12'.istitle() }}
{{ [{'b': 1, 'a': "x"}, (1,)] | pprint }}|{{ 'it' | pprint }}|{{ {'z': {'y': [1.0, none]}} | pprint }}
{{ ['\xa0', '\u200b', 'é', 'e\u0301', '🦀', '\ue000'] }}
{{ messages[0] | attr('role') }}|{{ messages | map('attr', 'role') | list }}|{{ {'a': 1} | attr('a') is defined }}{% set ns = namespace(a=1) %}|{{ ns | attr('a') }}{% for m in messages %}{{ loop | attr('index') }}{% endfor %}
{% autoescape true %}{{ '<"\'&>' }}|{{ messages[0].content }}|{{ '<' | safe }}|{{ ['<'] }}|{{ '<' | e }}|{{ '<' | tojson }}|text <{% endautoescape %}|{{ '<' }}{% autoescape false %}{{ '<' }}{% endautoescape %}
{{ '<a href="/x">\'&' | e }}|{{ '<' | e | e }}|{{ '<' | e | forceescape }}|{{ 5 | forceescape }}|{{ none | e }}
{{ '%s-%d' % ('a', 3) }}|{{ '%s' % 'a' }}|{{ '%r' % 'a' }}|{{ '%.2f' % 2.5 }}|{{ '%05.1f|%5s|%-5s|%+d|%x|%X|%o|%c|%e|%g' % (2.25, 'a', 'b', 3, 255, 255, 8, 'z', 12345.678, 0.00001) }}|{{ '100%%' % () }}
{{ '%(role)s: %(content)r' % messages[0] }}|{{ '%s' % none }}|{{ '%s' % [1, 'a', true] }}|{{ '%s' % ((1, 2),) }}|{{ '%d' % 3.9 }}|{{ '%d' % true }}|{{ '%i %u' % (1, 2) }}|{{ '%*d' % (5, 42) }}|{{ '%s' % 1e16 }}|{{ '%.3s' % 'abcdef' }}|{{ '%5.1f%%' % 12.34 }}
{{ 'a' ~ '%s' % 'b' ~ 'c' }}|{{ '%s' % 'a' + 'b' }}|{{ '%s' % messages[0].role | upper }}|{{ 2 * 7 % 4 }}|{{ 7 % 4 * 2 }}|{{ -7 % 3 }}|{{ 7 % -3 }}|{{ 7.5 % 2 }}|{{ 10 % 4 % 3 }}|{{ 2 ** 3 % 5 }}|{{ 5 + 7 % 4 - 1 }}
{% for m in messages %}{% if loop.index % 2 == 0 and not loop.index0 % 3 == 2 %}{{ '%s|%s' % (m.role, loop.index % 2) }}{% elif (loop.index) % 3 %}{{ '%%' % () }}{% endif %}{% endfor %}{% set x = '%s' % 'set' %}{{ x }}{{ {'k': '%s' % 1}['%s' % 'k'] }}{{ 'a %% b' % () if 1 % 1 == 0 else '%' }}
{{ '%s' % 'a' is string }}|{{ 6 % 4 is even }}|{{ '%s and %s' % ('x', '%') }}|{{ ('%s' % 'p') | length }}|{{ '%s' % {'a': 1} }}|{{ '%s' % nothing }}|{{ 'plain' % {} }}|{{ 'plain' % [] }}
{{ '%s and %s' | format('a', 2) }}|{{ '%(a)s' | format(a=none) }}|{{ '%r' | format('q') }}|{{ '%.1f' | format(1) }}|{{ '%s' | format([1, none]) }}
{{ 'x' | int }}|{{ 'x' | int(default=5) }}|{{ 'x' | int(5) }}|{{ none | int }}|{{ [] | int(3) }}|{{ '42.9' | int }}|{{ ' 7 ' | int }}|{{ '1_000' | int }}|{{ '1__0' | int }}|{{ '-0x1f' | int(0, 16) }}|{{ '0b11' | int(base=2) }}|{{ '0o17' | int(0, 0) }}|{{ '12abc' | int(7) }}|{{ '0x1f' | int }}|{{ 1e2 | int }}|{{ -1.7 | int }}|{{ true | int }}|{{ 'inf' | int(9) }}|{{ 'z' | int(base=36) }}
{{ 'x' | float }}|{{ 'x' | float(2) }}|{{ 'x' | float(default=none) }}|{{ '1e3' | float }}|{{ ' 3.7 ' | float }}|{{ '1_0.5' | float }}|{{ none | float }}|{{ true | float }}|{{ 'inf' | float }}|{{ '-Infinity' | float }}|{{ '.5' | float }}|{{ '5.' | float }}|{{ '_1' | float }}
{{ 'a b/c?d=é&~' | urlencode }}|{{ {'a b': 'c/d', 'é': 1} | urlencode }}|{{ [('x', 'y z'), ('q', none)] | urlencode }}|{{ 5 | urlencode }}
{{ {'a': 1, 'b': none, 'c': '<"'} | xmlattr }}|{{ {'a': 1} | xmlattr(false) }}|{{ {} | xmlattr }}|{{ {'a': nothing, 'b': 2} | xmlattr(autospace=true) }}
{{ 'The quick brown fox jumps over the well-known lazy dog -- and then--again--a pneumonoultramicroscopic word.' | wordwrap(12) }}|{{ 'abcdefghij klm' | wordwrap(4) }}|{{ 'abcdefghij klm' | wordwrap(4, false) }}|{{ 'a b c' | wordwrap(3, wrapstring='/') }}|{{ 'one-two-three f-g-h x-y' | wordwrap(6) }}|{{ 'one-two-three' | wordwrap(6, break_on_hyphens=false) }}|{{ 'a\n\nb  c\r\nd' | wordwrap(5) }}|{{ '  lead  trail  ' | wordwrap(6) }}|{{ '' | wordwrap }}
{{ raise_exception is callable }}|{{ range is callable }}|{{ 'a' is callable }}|{{ messages is callable }}|{% macro f() %}{% endmacro %}{{ f is callable }}|{{ nothing is callable }}|{{ 'upper' is filter }}|{{ 'nope' is filter }}|{{ 'odd' is test }}|{{ 'nope' is test }}|{{ 'wordwrap' is filter }}
{{ self is defined }}|{{ loop is defined }}|{% block b %}block{% endblock %}{{ self.b() }}
{{ 'a\tb'.expandtabs(4) }}|{{ 'a\tb'.expandtabs() }}|{{ 'ab\n\tc\td'.expandtabs(tabsize=3) }}|{{ 'a\tb'.expandtabs(0) }}|{{ '\t'.expandtabs(1) }}
{{ '{!r}|{!s}|{0!r:>5}'.format('q', 'b') if false else '{!r}|{!s}'.format('q', 'b') }}|{{ '{0!r:>5}{0}'.format('q') }}|{{ '{a[role]}{b.role}'.format(a=messages[0], b=messages[1]) }}|{{ '{:>5}|{:03d}|{:.2f}|{:,}'.format('a', 7, 1.5, 12345) }}|{{ '{{}}{}'.format(none) }}|{{ '{:{}}'.format('x', 3) }}|{{ '{}{}'.format([1, 'a'], true) }}|{{ '{0[1]}'.format(['a', 'b']) }}
{{ '{a} {b!r}'.format_map({'a': 1, 'b': 'x'}) }}|{{ '{role}'.format_map(messages[0]) }}
{% if 'a' is defined and messages is not string and messages is iterable and messages is not mapping %}ok{% endif %}
""".strip("\n")

# Those that span lines, or refuse.
LONG = {
    "line ends of Windows": "{% for m in messages %}\r\n<{{ m.role }}>\r\n{{ m.content }}\r\n{% endfor %}\r\nend\r\n",
    "line ends of old": "{% if true %}\ra{% endif %}\rb",
    "a line break at the end": "a\n\n",
    "blocks on lines of their own": "{% for m in messages %}\n    {% if m.role == 'user' %}\n    U: {{ m.content }}\n    {% elif m.role == 'assistant' %}\n    A\n    {% else %}\n    other\n    {% endif %}\n{% endfor %}\nend",
    "a refusal": "{% if messages | length > 1 %}{{ raise_exception('one at a time') }}{% endif %}ok",
    "an unknown filter": "{{ 'a' | nope }}",
    "too few values": "{{ '%s %s' % 'a' }}",
    "too many values": "{{ '%s' % ('a', 'b') }}",
    "a value that is not asked for": "{{ 'a' % 'b' }}",
    "a format that is none": "{{ '%y' % 1 }}",
    "a text for a number": "{{ '%d' % 'a' }}",
    "a format without end": "{{ 'a%' % 1 }}",
    "a name that is not there": "{{ '%(a)s' % {'b': 1} }}",
    "a remainder of nothing": "{{ 5 % 0 }}",
    "nothing as a number": "{{ nothing | int }}",
    "a lone brace": "{{ '{'.format(1) }}",
    "a place that is not there": "{{ '{} {}'.format(1) }}",
    "a blank in a name": "{{ {'a b': 1} | xmlattr }}",
    "an attribute of nothing": "{{ nothing.attribute }}",
    "concatenation with nothing": "{{ 'a' + none }}",
    "alternation": "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}[{{ m.role }}]{% endfor %}",
    "a string over lines": "{{ 'a\nb' }}|{{ \"c\r\nd\" }}",
}


def habit_lines():
    lines, current = [], None
    for line in HABITS.split("\n"):
        if line.startswith("  "):  # goes on
            lines[-1] += "\n" + line
        else:
            lines.append(line)
    return lines


def render(template, messages, prompt):
    try:
        rendered, _ = render_jinja_template(
            [messages], chat_template=template, add_generation_prompt=prompt, **TOKENS)
        return rendered[0]
    except Exception as error:
        print("refused:", type(error).__name__, error, "in", template[:60].replace("\n", " "))
        return None


def case(name, template, messages, prompt=True):
    return {"name": name, "template": template, "messages": messages, "add_generation_prompt": prompt,
            "expected": render(template, messages, prompt)}


cases = [case(line[:60], line, MANY) for line in habit_lines()]
for name, template in LONG.items():
    cases.append(case(name, template, MANY))
    cases.append(case(name + ", one message", template, ONE))
published, conversations = {}, {"one": (ONE, True), "many": (MANY, True), "closed": (CLOSED, False), "empty": (EMPTY, True)}
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in PUBLISHED:
        template = wheel.read(f"trl/chat_templates/{name}.jinja").decode()
        expected = {key: render(template, *conversation) for key, conversation in conversations.items()}
        published[name] = {"template": template, "expected": expected}
rendered = {"tokens": TOKENS, "cases": cases}
# Stays out of the repository: the templates are their makers'.
others = {"tokens": TOKENS, "published": published,
       "conversations": {key: {"messages": m, "add_generation_prompt": p} for key, (m, p) in conversations.items()}}
for name, out in [("rendered.json", rendered), ("published.json", others)]:
    with open(name, "w") as file:
        json.dump(out, file, ensure_ascii=False, indent=1)
        file.write("\n")
print(len(cases), "cases,", len(published), "published templates")
