"""Models kept in the database with their bytes, and which of them is the default."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, true, update

from model.common.errors import StoreError
from model.common.paths import home
from model.common.text import did_you_mean
from model.i18n.translations import gettext as _
from model.registry.card import H5_FILE, KERAS_FILE, KNOWN_FILE, TFLITE_FILE, Card, FileEntry, check_name, parse_card
from model.registry.database import reading, writing
from model.registry.locations import has_store, own_folders
from model.registry.tables import MODELS, SETTINGS
from model.signature.scaling import CONFIRMED, check_scaling

UNDO_SECONDS = 24 * 3600  # how long a removed model can be brought back
FILES = {".keras": KERAS_FILE, ".h5": H5_FILE, ".tflite": TFLITE_FILE}  # by suffix: its name in a bundle
LISTED = ("name", "version", "suffix", "bytes", "sha256", "added")
LIVE = MODELS.c.removed.is_(None)
CHOICE = SETTINGS.c.key == "default"


@dataclass(frozen=True)
class StoredModel:
    """A row without its bytes. added: seconds since 1970; newest: whether no later version has its name."""

    name: str
    version: int
    suffix: str
    bytes: int
    sha256: str
    added: float
    card: Card
    newest: bool = True

    @property
    def title(self) -> str:
        """What it is asked for by: its name, or `name@version` for one that a later version has replaced."""
        return self.name if self.newest else f"{self.name}@{self.version}"


def list_models() -> list[StoredModel]:
    """Every model by name, the newest version of a name first. Raises StoreError."""
    if not has_store():
        return []
    with reading() as connection:
        return live_models(connection)


def live_models(connection: Connection) -> list[StoredModel]:
    columns = [MODELS.c[name] for name in (*LISTED, "card")]
    rows = connection.execute(select(*columns).where(LIVE).order_by(MODELS.c.name, MODELS.c.version.desc()))
    models: list[StoredModel] = []
    for row in rows:
        values = dict(row._mapping)
        newest = not models or models[-1].name != values["name"]
        models.append(StoredModel(**values | {"card": card_of(values), "newest": newest}))
    return models


def card_of(values: dict[str, Any]) -> Card:
    try:
        return parse_card(values["card"])
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            _("the card of {name!r} in the store is not of this version: {error}").format(
                name=values["name"], error=error
            )
        ) from error


def find(name: str, models: list[StoredModel] | None = None) -> StoredModel:
    """A stored model by `name` or `name@version`. Raises StoreError with the known names."""
    models = list_models() if models is None else models
    for model in models:
        if name in (model.title, f"{model.name}@{model.version}"):
            return model
    titles = [model.title for model in models]
    raise StoreError(
        _("no model {name!r} in the store; stored: {names}{hint}").format(
            name=name, names=", ".join(titles) or _("none yet"), hint=did_you_mean(name, titles)
        )
    )


def add(content: bytes, suffix: str, name: str, card: Card) -> tuple[StoredModel, bool]:
    """Keep a model that has been looked at; returns it and whether it is new: the same bytes are one model.

    A name that the store has already gets another version of it. Raises StoreError for a name that cannot be used.
    """
    check_free(name)
    digest = hashlib.sha256(content).hexdigest()
    entry = {FILES[suffix]: FileEntry(len(content), digest)}
    with writing() as connection:
        purge(connection)
        if same := [model for model in live_models(connection) if model.sha256 == digest]:
            return same[0], False
        forget(connection, MODELS.c.sha256 == digest, staying=name)  # one that was removed a moment ago
        last = connection.execute(select(func.max(MODELS.c.version)).where(MODELS.c.name == name)).scalar() or 0
        row = {"name": name, "version": last + 1, "suffix": suffix, "bytes": len(content), "sha256": digest}
        card = dataclasses.replace(card, name=name, files=entry)
        kept = {"card": dataclasses.asdict(card), "content": content, "added": time.time()}
        connection.execute(insert(MODELS).values(row | kept))
        return find(f"{name}@{last + 1}", live_models(connection)), True


def check_free(name: str) -> None:
    """Raises StoreError for a name that hides a model outside the store or that one will get, BundleError for none.

    A run of that name makes a network at its end; what the store has beside it already may still get versions.
    """
    check_name(name)
    if name == "default" or name in own_folders():
        raise StoreError(
            _("{name!r} is the name of a model outside the store; choose another with --name").format(name=name)
        )
    if (home() / "runs" / name).is_dir() and name not in {model.name for model in list_models()}:
        raise StoreError(
            _(
                "there is a run {name!r}, whose network would hide the model; rename the run or choose another name"
            ).format(name=name)
        )


def content_of(sha256: str) -> bytes:
    """The bytes of a model, as they were added. Raises StoreError when it has gone."""
    with reading() as connection:
        content = connection.execute(select(MODELS.c.content).where(MODELS.c.sha256 == sha256)).scalar()
    if content is None:
        raise StoreError(_("the model {sha256} is no longer in the store").format(sha256=sha256[:12]))
    return bytes(content)


def known_of(sha256: str) -> bytes:
    """What tells a model's unknown pictures, the bytes of its known.npz. Raises StoreError when it has gone."""
    with reading() as connection:
        content = connection.execute(select(MODELS.c.known).where(MODELS.c.sha256 == sha256)).scalar()
    if content is None:
        raise StoreError(_("the model {sha256} is no longer in the store").format(sha256=sha256[:12]))
    return bytes(content)


def keep_known(fitted: Card, content: bytes | None) -> None:
    """Keep what tells a stored model's unknown pictures: its card's `known` and `outputs`, and its known.npz if any.

    fitted: the card as it was fitted; its name is the model's title. Raises StoreError.
    """
    with writing() as connection:
        model = find(fitted.name, live_models(connection))
        files = without_known(model.card).files
        if content is not None:
            files[KNOWN_FILE] = FileEntry(len(content), hashlib.sha256(content).hexdigest())
        card = dataclasses.replace(model.card, known=fitted.known, outputs=fitted.outputs, files=files)
        which = update(MODELS).where(MODELS.c.sha256 == model.sha256)
        connection.execute(which.values(card=dataclasses.asdict(card), known=content))


def without_known(card: Card) -> Card:
    """A card as it was before anything was known of unknown pictures."""
    files = {name: entry for name, entry in card.files.items() if name != KNOWN_FILE}
    return dataclasses.replace(card, known=None, outputs=(), files=files)


def matching(name: str, models: list[StoredModel]) -> list[StoredModel]:
    """All versions of a name, or the one that `name@version` says. Raises StoreError for an unknown name."""
    return [model for model in models if model.name == name] or [find(name, models)]


def remove(name: str, for_good: bool = False) -> list[StoredModel]:
    """Take all versions of a name, or one `name@version`, out of the store; returns them.

    `restore` brings them back for a day, unless they are removed for good. Raises StoreError for an unknown name.
    """
    matching(name, list_models())  # before there is a database to write to
    with writing() as connection:
        models = matching(name, live_models(connection))
        when = 0.0 if for_good else time.time()
        digests = [model.sha256 for model in models]
        connection.execute(update(MODELS).where(MODELS.c.sha256.in_(digests)).values(removed=when))
        purge(connection)
    return models


def restore(models: list[StoredModel]) -> None:
    """Bring removed models back. Raises StoreError for one that has gone for good, or whose name is taken now."""
    for name in {model.name for model in models}:
        check_free(name)
    with writing() as connection:
        for model in models:
            known = update(MODELS).where(MODELS.c.sha256 == model.sha256).values(removed=None)
            if connection.execute(known).rowcount != 1:
                raise StoreError(_("{name!r} has been removed for good; add its file again").format(name=model.name))


def purge(connection: Connection) -> None:
    """Forget what was removed longer ago than it can be brought back, and that it was the default."""
    forget(connection, MODELS.c.removed < time.time() - UNDO_SECONDS)


def forget(connection: Connection, which: ColumnElement[bool], staying: str = "") -> None:
    """Delete models for good. The default is forgotten with them: a later model of its name is another one.

    staying: a name that gets a model again at once.
    """
    lost = names_of(connection, which)
    connection.execute(delete(MODELS).where(which))
    gone = lost - names_of(connection, true()) - own_folders().keys() - {staying}
    connection.execute(delete(SETTINGS).where(CHOICE, SETTINGS.c.value.in_(gone)))


def names_of(connection: Connection, which: ColumnElement[bool]) -> set[str]:
    """All that models can be asked for by, removed ones too: `name` and `name@version`."""
    rows = connection.execute(select(MODELS.c.name, MODELS.c.version).where(which)).all()
    return {name for row in rows for name in (row.name, f"{row.name}@{row.version}")}


def rename(old: str, new: str) -> None:
    """Give all versions of a model another name; the default goes along. Raises BundleError."""
    check_free(new)
    find(old)  # before there is a database to write to
    with writing() as connection:
        models = live_models(connection)
        if any(model.name == new for model in models):
            raise StoreError(
                _("the store has a model {new!r} already; remove it first or choose another name").format(new=new)
            )
        if old not in {model.name for model in models}:
            title = find(old, models).title
            raise StoreError(
                _("{title!r} is one version; all versions are renamed together, by their name").format(title=title)
            )
        forget(connection, MODELS.c.name == new)  # removed ones, which only undo could bring back
        connection.execute(update(MODELS).where(MODELS.c.name == old).values(name=new))
        rename_default(connection, old, new)


def confirm(name: str, scaling: str = "") -> StoredModel:
    """Write on a model's card that its scaling is right, or which one is; returns the model as it is then.

    Raises StoreError for an unknown name, BundleError for a scaling that there is not.
    """
    if scaling:
        check_scaling(scaling)
    find(name)  # before there is a database to write to
    with writing() as connection:
        model = find(name, live_models(connection))
        # Features and thresholds were those of the network with its pictures scaled as before.
        before = without_known(model.card) if scaling not in ("", model.card.scaling) else model.card
        card = dataclasses.replace(
            before, scaling=scaling or model.card.scaling, scaling_from=CONFIRMED, scaling_why=_("as you said")
        )
        which = update(MODELS).where(MODELS.c.sha256 == model.sha256)
        connection.execute(which.values(card=dataclasses.asdict(card)))
    return dataclasses.replace(model, card=card)


def rename_default(connection: Connection, old: str, new: str) -> None:
    """Let the default go along, also where it is one version; a model outside the store keeps it."""
    chosen = connection.execute(select(SETTINGS.c.value).where(CHOICE)).scalar() or ""
    name, *version = chosen.split("@")
    if name == old and chosen not in own_folders():
        connection.execute(update(SETTINGS).where(CHOICE).values(value="@".join([new, *version])))


def keep_default(name: str) -> None:
    """Keep what `default` stands for, whatever there was before. Raises StoreError."""
    with writing() as connection:
        connection.execute(delete(SETTINGS).where(CHOICE))
        connection.execute(insert(SETTINGS).values(key="default", value=name))
