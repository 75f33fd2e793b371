from inst_tutorial.learning import LearningSettings as LearningSettings
from inst_tutorial.learning import learn as learn
from inst_tutorial.learning import learn_many as learn_many
from inst_tutorial.painter import Painter as Painter
from inst_tutorial.pictures import open_picture as open_picture
from inst_tutorial.pictures import save_picture as save_picture
from inst_tutorial.style_transfer import TransferSettings as TransferSettings
from inst_tutorial.style_transfer import draw as draw
from inst_tutorial.style_transfer import transfer as transfer
from inst_tutorial.words import Word as Word

__version__: str
