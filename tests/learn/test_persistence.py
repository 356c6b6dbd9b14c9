"""A saved forest is the same forest, to the last bit, and a file that is none is refused."""

from __future__ import annotations

import io
import json
import pickle
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
import xarray as xr
from numpy import testing as npt
from oracles_learn import NAMES, clustered, scene, sites
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from minewatch.learn import (
    CalibratedModel,
    Forest,
    draw,
    fit_forest,
    frame,
    importances,
    load_model,
    persistence,
    predict,
    predict_proba,
    save_model,
)
from minewatch.learn.calibrated import Curves
from minewatch.learn.estimator_files import HEADER, TRUSTED


@pytest.fixture
def samples() -> xr.Dataset:
    return clustered(np.random.default_rng(0), polygons=30)


def edges(forest: object, rng: np.random.Generator) -> pd.DataFrame:
    """Rows on both sides of, and as exactly as float32 can on, the forest's own thresholds."""
    tree = [t.tree_ for t in forest.estimators_]
    at = np.concatenate([t.threshold[t.children_left >= 0] for t in tree]).astype("f4")
    values = rng.choice(at, (3000, forest.n_features_in_))
    step = rng.choice(np.array([-np.inf, 0, np.inf], "f4"), values.shape)
    values = np.where(step == 0, values, np.nextafter(values, step, dtype="f4"))
    return pd.DataFrame(values, columns=forest.feature_names_in_)


def test_probabilities_come_back_to_the_last_bit(
    samples: xr.Dataset, tmp_path: Path, rng: np.random.Generator
) -> None:
    label = (samples.polygon % 3).values
    three = samples.assign_coords(label=("sample", label * 10))
    forests = [
        fit_forest(samples, trees=20),
        fit_forest(three, trees=20, min_leaf=7),
        ExtraTreesClassifier(10, random_state=0).fit(frame(samples), samples.label.values),
        RandomForestClassifier(3, max_depth=1, random_state=0).fit(frame(three), label),
    ]
    for forest in forests:
        save_model(forest, tmp_path / "forest.npz")
        loaded = load_model(tmp_path / "forest.npz")
        assert isinstance(loaded, Forest)
        npt.assert_array_equal(loaded.classes_, forest.classes_)
        npt.assert_array_equal(loaded.feature_importances_, forest.feature_importances_)
        assert list(loaded.feature_names_in_) == list(forest.feature_names_in_)
        for table in (frame(samples), edges(forest, rng)):
            npt.assert_array_equal(loaded.predict_proba(table), forest.predict_proba(table))
            npt.assert_array_equal(loaded.predict(table), forest.predict(table))
    assert [path.name for path in tmp_path.iterdir()] == ["forest.npz"]


def test_a_loaded_forest_maps_a_scene(rng: np.random.Generator, tmp_path: Path) -> None:
    features = scene(rng)
    forest = fit_forest(draw(features, sites()), trees=5)
    save_model(forest, tmp_path / "forest.npz")
    loaded = load_model(tmp_path / "forest.npz")
    features["s1_vv"][3, 4] = np.nan
    lazy = features.chunk(y=17, x=80)
    npt.assert_array_equal(predict_proba(loaded, lazy), predict_proba(forest, features))
    npt.assert_array_equal(predict(loaded, lazy), predict(forest, features))
    pd.testing.assert_series_equal(importances(loaded), importances(forest))


def test_a_file_remembers_where_it_comes_from(rng: np.random.Generator, tmp_path: Path) -> None:
    forest = fit_forest(draw(scene(rng), sites()), trees=3)
    provenance = {"region": "Tapajós", "polygons": 12, "dates": ["2022-04-01", "2022-10-31"]}
    save_model(forest, tmp_path / "forest.npz", provenance=provenance)
    loaded = load_model(tmp_path / "forest.npz")
    assert loaded.provenance_ == provenance
    assert set(loaded.versions_) == {"minewatch", "numpy", "scikit-learn"}
    pd.testing.assert_frame_equal(
        loaded.training_domain_, forest.training_domain_, check_names=False, check_column_type=False
    )
    assert repr(loaded).startswith("Forest(3 trees, ")
    # Saved again, and from the same forest, it is the same file.
    save_model(loaded, tmp_path / "again.npz")
    save_model(forest, tmp_path / "twice.npz", provenance=provenance)
    first = (tmp_path / "forest.npz").read_bytes()
    assert first == (tmp_path / "again.npz").read_bytes() == (tmp_path / "twice.npz").read_bytes()


def test_a_file_holds_no_objects(samples: xr.Dataset, tmp_path: Path) -> None:
    save_model(fit_forest(samples, trees=3), tmp_path / "forest.npz")
    with np.load(tmp_path / "forest.npz", allow_pickle=False) as archive:
        assert {archive[name].dtype.kind for name in archive} <= {"u", "i", "f"}
        header = json.loads(archive["header"].tobytes())
    assert header["features"] == [f"f{n}" for n in range(5)]
    assert header["classes"] == [0, 1]


def packed(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive}


def test_files_that_are_none_are_refused(samples: xr.Dataset, tmp_path: Path) -> None:
    good = tmp_path / "forest.npz"
    save_model(fit_forest(samples, trees=3), good)
    bad = tmp_path / "bad.npz"
    with pytest.raises(FileNotFoundError, match=r"save one with minewatch\.learn\.save_model"):
        load_model(tmp_path / "none.npz")
    bad.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"bad\.npz is no model that minewatch\.learn\.save_model"):
        load_model(bad)
    bad.write_bytes(b"")
    with pytest.raises(ValueError, match="is no model"):
        load_model(bad)
    np.savez(bad, a=np.arange(3))
    with pytest.raises(ValueError, match="is no model"):
        load_model(bad)
    np.savez(bad, **{**packed(good), "left": np.array([{"run": "me"}], object)})
    with pytest.raises(ValueError, match="is no model"):
        load_model(bad)
    for cut in (10, 1000):
        bad.write_bytes(good.read_bytes()[:-cut])
        with pytest.raises(ValueError, match="is no model"):
            load_model(bad)
    other = packed(good)
    header = json.loads(other["header"].tobytes()) | {"format": "minewatch-forest-9"}
    np.savez(bad, **{**other, "header": np.frombuffer(json.dumps(header).encode(), "u1")})
    with pytest.raises(ValueError, match="load it with the version that saved it"):
        load_model(bad)


@pytest.mark.parametrize("name", ["left", "feature", "threshold", "leaf_value", "domain", "starts"])
def test_altered_numbers_are_noticed(samples: xr.Dataset, tmp_path: Path, name: str) -> None:
    path = tmp_path / "forest.npz"
    save_model(fit_forest(samples, trees=3), path)
    arrays = packed(path)
    arrays[name].flat[0] += 1
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="was altered or damaged after it was saved"):
        load_model(path)


def test_altered_names_are_noticed(samples: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "forest.npz"
    save_model(fit_forest(samples, trees=3), path)
    arrays = packed(path)
    text = arrays["header"].tobytes().replace(b'"f0"', b'"f1"')
    np.savez(path, **{**arrays, "header": np.frombuffer(text, "u1")})
    with pytest.raises(ValueError, match="get or fit the model anew"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "value"), [("left", 0), ("right", 10**6), ("feature", 5), ("threshold", np.nan)]
)
def test_nodes_that_are_no_trees_are_refused(
    samples: xr.Dataset, tmp_path: Path, name: str, value: float
) -> None:
    """Even with a digest that fits: a circle would never end, a far node would be no node."""
    path = tmp_path / "forest.npz"
    forest = Forest.of(fit_forest(samples, trees=3))
    array = getattr(forest, name).copy()
    array[0] = value
    setattr(forest, name, array)
    save_model(forest, path)
    with pytest.raises(ValueError, match="its nodes do not form trees"):
        load_model(path)


def test_numbers_of_another_type_are_refused(samples: xr.Dataset, tmp_path: Path) -> None:
    """A node number of 1.5 would pass as a number and fail as an index, in the middle of a map."""
    path = tmp_path / "forest.npz"
    save_model(fit_forest(samples, trees=3), path)
    arrays = packed(path)
    arrays["feature"] = arrays["feature"].astype("f8")
    arrays["digest"] = np.frombuffer(persistence._digest(arrays), "u1")
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="is no model"):
        load_model(path)


def rewritten(path: Path, other: Path, **members: bytes) -> None:
    """The same archive with some arrays' files replaced, deflated."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, each in content.items():
            archive.writestr(name, members.get(name.removesuffix(".npy"), each))


@pytest.mark.parametrize("kind", ["forest.npz", "model.skops"])
def test_an_archive_that_grows_out_of_proportion_is_refused_before_it_is_read(
    samples: xr.Dataset, tmp_path: Path, kind: str
) -> None:
    """64 MiB of nought in 64 KiB."""
    good, bad = tmp_path / kind, tmp_path / "bad"
    model = fit_forest(samples, trees=3) if kind == "forest.npz" else others(samples)["pipeline"]
    save_model(model, good)
    name = "threshold" if kind == "forest.npz" else "schema.json"
    rewritten(good, bad, **{name: bytes(2**26)})
    assert bad.stat().st_size < 2**18
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"no model .*grow from \d+ to 67\d+ bytes"):
            load_model(bad)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_whatever_a_file_promises_it_is_no_model(samples: xr.Dataset, tmp_path: Path) -> None:
    """An array of a hundred petabytes; brackets a million deep; members under a password."""
    good, bad = tmp_path / "forest.npz", tmp_path / "bad.npz"
    save_model(fit_forest(samples, trees=3), good)
    promise = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (10**16,)}
    np.lib.format.write_array_header_1_0(promise, shape)
    rewritten(good, bad, threshold=promise.getvalue())
    with pytest.raises(ValueError, match="is no model"):
        load_model(bad)
    np.savez(bad, **{**packed(good), "header": np.frombuffer(b"[" * 10**6, "u1")})
    with pytest.raises(ValueError, match="is no model"):
        load_model(bad)
    content = bytearray(good.read_bytes())
    at = 0
    while (at := content.find(b"PK\x01\x02", at)) >= 0:
        content[at + 8] |= 1
        at += 4
    bad.write_bytes(content)
    with pytest.raises(ValueError, match=r"is no model .*(encrypted|password)"):
        load_model(bad)


def test_a_flipped_bit_is_noticed(samples: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "forest.npz"
    save_model(fit_forest(samples, trees=3), path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        middle = archive.getinfo("threshold.npy").header_offset + 300
    content[middle] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"forest\.npz"):
        load_model(path)


def test_saving_says_what_it_needs(samples: xr.Dataset, tmp_path: Path) -> None:
    table, label = frame(samples), samples.label.values
    path = tmp_path / "forest.npz"
    with pytest.raises(TypeError, match=r"needs a fitted classifier, got StandardScaler; fit one"):
        save_model(StandardScaler().fit(table), path)
    with pytest.raises(TypeError, match=r"named features; use minewatch\.learn\.fit_forest"):
        save_model(RandomForestClassifier(2).fit(table.to_numpy(), label), path)
    with pytest.raises(TypeError, match="needs a fitted classifier, got RandomForestClassifier"):
        save_model(RandomForestClassifier(2), path)
    forest = fit_forest(samples, trees=2)
    for thing in (object(), np.nan, np.arange(3)):
        with pytest.raises(TypeError, match="must hold text, numbers, lists and mappings only"):
            save_model(forest, path, provenance={"thing": thing})
    assert not list(tmp_path.iterdir())


def test_a_forest_says_what_it_needs(samples: xr.Dataset) -> None:
    forest = Forest.of(fit_forest(samples, trees=2))
    table = frame(samples)
    npt.assert_array_equal(
        forest.predict_proba(table[table.columns[::-1]]), forest.predict_proba(table.to_numpy())
    )
    with pytest.raises(KeyError, match=r"the table lacks \['f3'\]"):
        forest.predict_proba(table.drop(columns="f3"))
    with pytest.raises(ValueError, match=r"takes 5 columns, got shape \(600, 4\)"):
        forest.predict_proba(table.to_numpy()[:, :4])
    gap = table.copy()
    gap.iloc[3, 1] = np.nan
    found = forest.predict_proba(gap)
    assert np.isnan(found[3]).all()
    npt.assert_array_equal(np.delete(found, 3, 0), np.delete(forest.predict_proba(table), 3, 0))
    with pytest.raises(ValueError, match=r"map with minewatch\.learn\.predict"):
        forest.predict(gap)


def test_names_are_those_of_the_scene(rng: np.random.Generator, tmp_path: Path) -> None:
    save_model(fit_forest(draw(scene(rng), sites()), trees=2), tmp_path / "forest.npz")
    assert list(load_model(tmp_path / "forest.npz").feature_names_in_) == list(NAMES)


def others(samples: xr.Dataset) -> dict[str, object]:
    table, label = frame(samples), samples.label.values
    gappy = table.mask(np.random.default_rng(1).random(table.shape) < 0.2)
    logistic = make_pipeline(StandardScaler(), LogisticRegression())
    return {
        "boosting": HistGradientBoostingClassifier(max_iter=5).fit(table, label),
        "gradient": GradientBoostingClassifier(n_estimators=3).fit(table, label),
        "pipeline": logistic.fit(table, label),
        "gaps": RandomForestClassifier(3, random_state=0).fit(gappy, label),
    }


@pytest.mark.parametrize("kind", ["boosting", "gradient", "pipeline", "gaps"])
@pytest.mark.parametrize("name", ["model.skops", "model.npz"])
def test_other_estimators_come_back_too(
    samples: xr.Dataset, tmp_path: Path, kind: str, name: str
) -> None:
    """By what the file holds, whatever its name; with what is known of it."""
    model, table = others(samples)[kind], frame(samples)
    domain = pd.DataFrame({"min": table.min(), "max": table.max()}).astype("f8")
    domain.iloc[0, 0] = np.nan
    model.training_domain_ = domain
    provenance = {"region": "Tapajós"}
    save_model(model, tmp_path / name, provenance=provenance)
    loaded = load_model(tmp_path / name)
    assert type(loaded) is type(model)
    assert model.training_domain_ is domain
    assert not hasattr(model, "provenance_")
    npt.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))
    assert list(loaded.feature_names_in_) == list(table.columns)
    assert loaded.classes_.tolist() == [0, 1]
    assert loaded.provenance_ == provenance
    assert set(loaded.versions_) == {"minewatch", "numpy", "scikit-learn", "skops"}
    pd.testing.assert_frame_equal(loaded.training_domain_, domain, check_column_type=False)
    save_model(loaded, tmp_path / "again")
    assert load_model(tmp_path / "again").provenance_ == provenance


def test_any_calibrated_model_keeps_its_curves(samples: xr.Dataset, tmp_path: Path) -> None:
    curves = Curves("isotonic", np.array([0, 1]), (([0.0, 0.4, 1.0], [0.1, 0.2, 0.9]),))
    for model in (others(samples)["pipeline"], fit_forest(samples, trees=3)):
        model = CalibratedModel(model, curves)
        save_model(model, tmp_path / "model")
        loaded = load_model(tmp_path / "model")
        assert isinstance(loaded, CalibratedModel)
        table = frame(samples)
        npt.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))


def test_forests_that_draw_otherwise_come_back(samples: xr.Dataset, tmp_path: Path) -> None:
    table = frame(samples)
    tree = DecisionTreeClassifier(max_features="sqrt", random_state=0)
    for model in (
        BaggingClassifier(tree, 5, max_samples=0.6, bootstrap=False).fit(table, samples.label),
        fit_forest(samples, trees=5, mode="smile"),
        tree.fit(table, samples.label),
    ):
        save_model(model, tmp_path / "model.npz")
        loaded = load_model(tmp_path / "model.npz")
        assert isinstance(loaded, Forest)
        npt.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))


class Trap:
    """What a pickle can do: here it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["model.npz", "model.skops", "model.pkl"])
def test_a_pickle_is_refused_and_never_run(tmp_path: Path, name: str) -> None:
    sprung = tmp_path / "sprung"
    path = tmp_path / name
    inside = io.BytesIO()
    np.savez(inside, header=np.array([Trap(sprung)], object), digest=np.zeros(32, "u1"))
    for content in (pickle.dumps(Trap(sprung)), inside.getvalue()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is no model"):
            load_model(path)
        assert not sprung.exists()
    # It would have been, so the test means something.
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists()


def resealed(source: Path, path: Path, content: bytes) -> None:
    """Another archive of skops under the header of a sound file, with a digest that fits."""
    from minewatch.learn import estimator_files

    with zipfile.ZipFile(source) as archive:
        header = json.loads(archive.read(HEADER))
    del header["digest"]
    stream = io.BytesIO(content)
    header["digest"] = estimator_files._digest(stream, header)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(HEADER, json.dumps(header))
    path.write_bytes(stream.getvalue())


def test_an_untrusted_type_is_refused_by_name(samples: xr.Dataset, tmp_path: Path) -> None:
    table, label = frame(samples), samples.label.values
    good, bad = tmp_path / "good.skops", tmp_path / "bad.skops"
    save_model(others(samples)["pipeline"], good)
    evil = make_pipeline(FunctionTransformer(Path.unlink), LogisticRegression())
    evil.steps[0][1].validate = False
    content = skops.io.dumps(evil)
    resealed(good, bad, content)
    with pytest.raises(ValueError, match=r"holds \[.*pathlib.*\], which minewatch does not trust"):
        load_model(bad)
    sane = make_pipeline(FunctionTransformer(strange), LogisticRegression()).fit(table, label)
    with pytest.raises(TypeError, match=r"holds \['.*strange'\], which load_model would refuse"):
        save_model(sane, tmp_path / "sane.skops")
    assert not (tmp_path / "sane.skops").exists()
    # A file of skops alone says nothing of features and origin.
    bad.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.skops is no model that minewatch"):
        load_model(bad)


def test_what_cannot_be_rebuilt_says_what_it_was_saved_with(
    samples: xr.Dataset, tmp_path: Path
) -> None:
    """A class that this scikit-learn does not have."""
    good, bad = tmp_path / "good.skops", tmp_path / "bad.skops"
    save_model(others(samples)["pipeline"], good)
    with zipfile.ZipFile(good) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != HEADER}
    members["schema.json"] = members["schema.json"].replace(b"sklearn.preprocessing._data", b"gone")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, each in members.items():
            archive.writestr(name, each)
    resealed(good, bad, content.getvalue())
    with pytest.raises(ValueError, match=r"cannot be rebuilt here|does not trust"):
        load_model(bad)


def strange(table: pd.DataFrame) -> pd.DataFrame:
    return table


def test_what_is_trusted_is_scikit_learns() -> None:
    assert len(TRUSTED) < 10
    assert all(name.startswith("sklearn.") for name in TRUSTED)


def test_altered_estimators_are_noticed(samples: xr.Dataset, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.skops", tmp_path / "bad.skops"
    save_model(others(samples)["pipeline"], good)
    with zipfile.ZipFile(good) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name in members:
        changed = members | {name: members[name].replace(b"LogisticRegression", b"x")}
        if changed == members:
            changed[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])
        with zipfile.ZipFile(bad, "w") as archive:
            for each, content in changed.items():
                archive.writestr(each, content)
        with pytest.raises(ValueError, match=r"was altered or damaged|is no model"):
            load_model(bad)
    other = json.loads(members[HEADER]) | {"format": "minewatch-estimator-9"}
    with zipfile.ZipFile(bad, "w") as archive:
        for each, content in (members | {HEADER: json.dumps(other).encode()}).items():
            archive.writestr(each, content)
    with pytest.raises(ValueError, match="load it with the version that saved it"):
        load_model(bad)


def test_the_same_model_is_the_same_file(samples: xr.Dataset, tmp_path: Path) -> None:
    """Whenever it is saved, and wherever in memory its parts lie."""
    for name in ("one", "other"):
        save_model(others(samples)["gaps"], tmp_path / f"{name}.skops")
    one, other = ((tmp_path / f"{name}.skops").read_bytes() for name in ("one", "other"))
    assert one == other
    with zipfile.ZipFile(tmp_path / "one.skops") as archive:
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


def test_without_skops_it_is_said_what_to_install(
    samples: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = others(samples)["pipeline"]
    save_model(model, tmp_path / "model.skops")
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ImportError, match=r"pip install 'minewatch\[models\]'"):
        load_model(tmp_path / "model.skops")
    with pytest.raises(ImportError, match=r"pip install 'minewatch\[models\]'"):
        save_model(model, tmp_path / "other.skops")
    save_model(fit_forest(samples, trees=2), tmp_path / "forest.npz")
