"Names that live in another module now, so that their old paths go on working. Written by hand; imports nothing until it is asked."
import sys
from importlib import import_module


def moved(module, **places):
    "`__getattr__` and `__dir__` for `module`, from which `places` took names: `paper='PAPER table'` says that both are in muvae.paper"
    place = {name: f'muvae.{new}' for new, names in places.items() for name in names.split()}

    def get(name):
        if name in place: return getattr(import_module(place[name]), name)
        raise AttributeError(f'module {module!r} has no attribute {name!r}', name=name)

    def names(): return sorted({*vars(sys.modules[module]), *place})
    return get, names
