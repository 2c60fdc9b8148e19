"""The objects that the tabs share: folders, models, rollouts, media and studies of one server."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ui.archives import Archives
from ui.composer import Composer
from ui.compositions import Compositions
from ui.document import Desk
from ui.jobs import Jobs
from ui.media import Media
from ui.pictures import Pictures
from ui.preference import Studies
from ui.settings import UiSettings


@dataclass(frozen=True)
class Services:
    """The services behind the page; each is safe to use from several threads."""

    settings: UiSettings
    desk: Desk
    media: Media
    composer: Composer
    compositions: Compositions
    archives: Archives
    jobs: Jobs
    studies: Studies
    opened: threading.Event  # set when the first page has been opened

    @classmethod
    def start(cls, settings: UiSettings) -> Services:
        """Creates the services of a server with these settings."""
        media = Media()
        composer = Composer(settings.checkpoints, settings.device, media)
        return cls(
            settings,
            Desk(Pictures(settings.out / "pictures")),
            media,
            composer,
            Compositions(composer),
            Archives(settings.out),
            Jobs(settings),
            Studies(),
            threading.Event(),
        )
