"""The studio as one object: what the page and the command line both stand on."""

from __future__ import annotations

from pathlib import Path

from studio.documents.article import Article, Picture
from studio.documents.conversation import Kind
from studio.errors import EngineError, Language
from studio.library.index import Library
from studio.library.picture_intake import DECODERS, normalise_file
from studio.protocol import Describe, Description, Image
from studio.settings import Settings, assets
from studio.specs import EngineSpec
from studio.storage.conversation_files import ConversationFiles
from studio.storage.store import Store
from studio.storage.thumbnails import Thumbnails
from studio.tasks.agent import Agent
from studio.tasks.answers import Answerer, Answers
from studio.tasks.chat import ChatAnswerer
from studio.tasks.drafts import Drafts
from studio.tasks.embedding import Embedder
from studio.tasks.fill_table import TableJobs
from studio.tasks.find import PictureFinder
from studio.tasks.jobs import Jobs
from studio.tasks.model_manager import ModelManager
from studio.tasks.page_jobs import PageJobs
from studio.tasks.personas import PersonaShelf
from studio.tasks.runner import Runner
from studio.tasks.sent_prompts import SentPrompts
from studio.tasks.talk import Talker
from studio.tasks.titles import Titles
from studio.tasks.write import Composer
from studio.tasks.write_page import PageWriter
from studio.tools.registry import FoundPicture, Toolbox
from studio.worker.client import WorkerClient

PATIENCE = 5.0  # seconds for what is under way to end when the studio closes


class Studio:
    """Store, library, worker client and what composes over them. `start` it to load models; `close` it."""

    def __init__(self, settings: Settings, spec: EngineSpec) -> None:
        self.settings = settings
        self._closed = False
        self.store = Store(settings.folder)
        self.thumbnails = Thumbnails(settings.folder, self.store)
        self.worker = WorkerClient(spec)
        self._embed = Embedder(self.worker)
        self.library = Library(self.store, assets() / "pictures", self._embed)
        self.prompts = SentPrompts(self.worker, self.store.prompts)
        self.answerer = ChatAnswerer(self.worker, self.store.read_file, self.library.words, self.prompts.keep)
        self.personas = PersonaShelf(self.store, assets() / "personas")
        self.titles = Titles(self.worker, self.store)
        self.composer = Composer(self.worker, self._finder, self.store.read_file, self.prompts.keep)
        self.page_writer = PageWriter(self.worker, self._finder, self.store.read_file)
        self.toolbox = Toolbox(settings)
        self.agent_files = ConversationFiles(settings.folder)
        self.agent = Agent(self.worker, self.toolbox, self)
        self.talker = Talker(self.worker, self.store.read_file, self.prompts.keep, self.agent)
        self.runner = Runner(lambda: self.worker.batch)
        self.jobs = Jobs(self.runner, self.composer, self.store, self.prompts)
        self.page_jobs = PageJobs(self.runner, self.page_writer, self.store)
        answerers: dict[Kind, Answerer] = {"pictures": self.answerer, "talk": self.talker}
        self.answers = Answers(self.runner, answerers, self.worker, self.store, self.prompts, self.titles)
        self.drafts = Drafts(self.runner, self.composer, self.worker)
        self.table_jobs = TableJobs(self.runner, self.answerer, self.worker, self.store, self.library.normalise)
        self.models = ModelManager(settings, self.worker, self.runner)

    def start(self) -> None:
        """Start the worker; it loads in the background."""
        self.store.mark_interrupted()
        self.worker.start()

    def stop(self) -> None:
        """Take nothing more, and stop and keep what is under way: interrupted, to be gone on with after a restart."""
        if not self.runner.close(PATIENCE):
            self.worker.close()  # a worker that does not answer: its calls fail now, and what was written is kept
            self.runner.close(PATIENCE)

    def close(self) -> None:
        """`stop`, end the worker and the decoders, close the files. Harmless when it is closed."""
        if not self._closed:
            self._closed = True
            self.models.close()
            self.titles.close()
            self.stop()
            self.toolbox.close()
            self.worker.close()
            DECODERS.close()
            self.store.close()

    def describe(self, image: Image) -> Description:
        """Labels and text that the image tagger finds in a picture. Raises the error of a call that failed."""
        result = self.worker.submit(Describe(image)).result()
        assert isinstance(result, Description)
        return result

    def export_article(self, person: str, article: Article, format: str) -> bytes:
        """A stored article as a file of that format. Raises InputError for a format that is not known."""
        from studio.export import export  # its libraries are needed for nothing else

        return export(article, format, self.store.read_file, self.about(person, article))

    def about(self, person: str, article: Article) -> dict[str, object]:
        """How a stored article was made, for its exports."""
        from studio.export.about import about

        versions = self.store.versions(person, article.id)
        return about(article, versions[0].created, versions[-1].created)

    def folder(self, person: str, conversation: str) -> Path:
        """Where the files of a conversation with an agent are."""
        return self.agent_files.folder(person, conversation)

    def find_pictures(self, query: str, limit: int, language: Language) -> list[FoundPicture]:
        """Pictures of the library for an agent: by meaning where that can be measured, else by words."""
        try:
            hits = self.library.search(query, limit=limit, language=language)
        except EngineError:
            hits = self.library.search(query, limit=limit, language=language, by_meaning=False)
        return [FoundPicture(hit.picture, hit.caption) for hit in hits]

    def keep_picture(self, data: bytes, name: str, person: str) -> Picture:
        """Take in a picture that a tool made: it is opened by a decoder, as every other."""
        return Picture(self.store.add_file(normalise_file(data, name), person), name)

    def __enter__(self) -> Studio:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finder(self) -> PictureFinder:
        return PictureFinder(self.worker, self._embed, self.library, self.store.read_file)
