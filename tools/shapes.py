"""Annotations put to the test: with MUVAE_TYPECHECK=1 every call of the package checks what its signature says of types and shapes

`install` has to be called before muvae is imported, as tests/conftest.py and tools/test.py do; `watch` does the same for the cells of
a notebook. jaxtyping's import hook puts beartype around every function. What a function refuses is left to it, since its own words (a
`ValueError` that names the argument) are what the tests ask for. So what is found is a function that takes, or gives, what its
annotation excludes.
"""
import dataclasses, functools, inspect, os
from numbers import Integral, Real
from typing import Optional

import numpy as np


def asked(): return os.environ.get('MUVAE_TYPECHECK', '0') not in ('', '0')


def typechecker(fn):
    "beartype, to which a whole number is a float too, as PEP 484 has it, and NumPy's numbers are numbers"
    from beartype import BeartypeConf, FrozenDict, beartype
    return beartype(fn, conf=BeartypeConf(hint_overrides=FrozenDict({float: Real, int: Integral})))


def lenient(signature):
    "`signature`, but what is None by default may be None: call_parse needs the bare type there"
    optional = [p.replace(annotation=Optional[p.annotation]) if p.default is None and p.annotation is not p.empty else p
                for p in signature.parameters.values()]
    return signature.replace(parameters=optional)


def taken(x):
    "Whether `x` is what functions take besides what they say: arrays and lists for tensors, tensors of one element for numbers, masks"
    import torch
    return isinstance(x, (list, np.ndarray)) or isinstance(x, torch.Tensor) and (x.numel() == 1 or x.dtype == torch.bool)


def patient(jaxtyped):
    "`jaxtyped`, but a function may refuse its arguments before they are held against its annotations"
    from jaxtyping import TypeCheckError
    from torch.compiler import is_compiling  # its tracer follows no such checks

    def decorate(fn=None, **kw):
        if fn is None: return functools.partial(decorate, **kw)
        if dataclasses.is_dataclass(fn): fn.__init__ = decorate(fn.__init__, **kw)
        if inspect.isclass(fn): return fn
        if not inspect.isfunction(fn) or inspect.isgeneratorfunction(fn): return jaxtyped(fn, **kw)
        fn.__signature__ = lenient(inspect.signature(fn))
        checked = jaxtyped(fn, **kw)
        del fn.__signature__

        @functools.wraps(fn)
        def call(*args, **kwargs):
            if is_compiling(): return fn(*args, **kwargs)
            try: return checked(*args, **kwargs)
            except TypeCheckError as e: wrong = e
            given = fn(*args, **kwargs)
            if any(map(taken, (*args, *kwargs.values()))): return given
            raise wrong
        return call
    return decorate


def install():
    "Check the annotations of muvae from here on, where MUVAE_TYPECHECK=1 asks for it"
    if not asked(): return
    import jaxtyping
    if jaxtyping.jaxtyped.__module__ == __name__: return
    jaxtyping.jaxtyped = patient(jaxtyping.jaxtyped)
    jaxtyping.install_import_hook('muvae', f'{__name__}.typechecker')


def watch(shell):
    "Check the annotations of what the cells define that `shell` will run"
    if not asked(): return
    from jaxtyping._import_hook import JaxtypingTransformer, Typechecker
    shell.ast_transformers.append(JaxtypingTransformer(typechecker=Typechecker(f'{__name__}.typechecker')))
