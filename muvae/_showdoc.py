"How `show_doc` looks in the documentation: `settings.ini` names this renderer. Written by hand; nothing else imports it."
import ast, dataclasses, inspect, re, textwrap
from importlib import import_module
from operator import attrgetter

from fastcore.docments import docments
from nbdev.doclinks import NbdevLookup
from nbdev.showdoc import BasicMarkdownRenderer


def written(sym):
    "Annotations and defaults of `sym` as its source spells them: {name: (annotation, default)}, the result's under 'return'"
    try: node = ast.parse(textwrap.dedent(inspect.getsource(sym))).body[0]
    except (OSError, TypeError, SyntaxError): return {}
    text = lambda o: ast.unparse(o) if o is not None else ''
    if dataclasses.is_dataclass(sym):
        return {o.target.id: (text(o.annotation), text(o.value)) for o in node.body if isinstance(o, ast.AnnAssign)}
    if isinstance(node, ast.ClassDef):
        node = next((o for o in node.body if isinstance(o, ast.FunctionDef) and o.name == '__init__'), None)
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef): return {}
    a = node.args
    names = [*a.posonlyargs, *a.args]
    defaults = [None]*(len(names)-len(a.defaults)) + a.defaults
    res = {o.arg: (text(o.annotation), text(d)) for o, d in [*zip(names, defaults), *zip(a.kwonlyargs, a.kw_defaults)]}
    for o in a.vararg, a.kwarg:
        if o: res[o.arg] = (text(o.annotation), '')
    return res | {'return': (text(node.returns), '')}


def cell(s): return s.replace('|', r'\|').replace('\n', ' ').strip()
def words(s): return re.sub(r'(?<!\S)--\w[\w-]*', r'`\g<0>`', cell(s))  # a flag, not a dash
def code(s): return f'`{cell(s)}`' if s else ''
def name(s): return f'<code>{s}</code>'  # nbdev would link a parameter `run` to the function


def exported(sym, place):
    "The symbol as the package has it, since a class has no source in a notebook; `place` is nbdev's entry for it"
    if not isinstance(place, tuple): return sym
    try: return attrgetter(sym.__qualname__)(import_module(place[1].removesuffix('.py').replace('/', '.')))
    except (AttributeError, ImportError): return sym


class Renderer(BasicMarkdownRenderer):
    "Heading and source link, the call, the docstring, and a row for each parameter with type, default and comment"
    def __init__(self, sym, *args, **kwargs):
        super().__init__(sym, *args, **kwargs)
        self.sym = exported(self.sym, NbdevLookup()[self.fn])

    def table(self):
        comments, source = docments(self.sym), written(self.sym)
        rows = [(n, *source.get(n, ('', '')), comments.get(n) or '') for n in comments if n not in ('self', 'return')]
        result, said = source.get('return', ('', ''))[0], comments.get('return') or ''
        if not any(c for *_, c in rows) and not said: return ''
        rows = [(name(n), code(t), code(d), words(c)) for n, t, d, c in rows]
        typed = any(t for _, t, *_ in rows)  # else the result alone has a type, and it stands beside the word
        if said or result not in ('', 'None'):
            rows.append(('*returns*', code(result), '', words(said)) if typed else (f'*returns* {code(result)}', '', '', words(said)))
        used = [i for i in range(4) if any(r[i] for r in rows)]
        head = ['', 'type', 'default', '']
        lines = ['| ' + ' | '.join(r[i] for i in used) + ' |' for r in (head, [':--']*4, *rows)]
        return '\n'.join(['::: {.params}', '', *lines, '', ':::'])

    def call(self):
        if self.sig is None: return ''
        shown = [p.replace(annotation=inspect.Parameter.empty) for n, p in self.sig.parameters.items() if n != 'self']
        if any(len(repr(p.default)) > 40 for p in shown): return f'{self.nm}({", ".join(p.name for p in shown)})'
        return self.nm + str(inspect.Signature(shown))

    def _repr_markdown_(self):
        source, parts = NbdevLookup().code(self.fn), ['---']
        if source: parts.append(f'[source]({source}){{target="_blank" .source-link}}')
        table, call = self.table(), self.call()
        if call and not table: call = f'[`{call}`]{{.call}}'  # the table would say it again
        docs = self.docs if self.sym.__doc__ else ''
        if self.sig: docs = re.sub(r'`(\w+)`', lambda m: name(m[1]) if m[1] in self.sig.parameters else m[0], docs or '')
        parts += ['#'*self.title_level + f' {self.nm}', '' if table else call, docs, table]
        return '\n\n'.join(p for p in parts if p)
