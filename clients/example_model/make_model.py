"""Makes model.pkl, a small classifier of the iris flowers, with the packages of requirements.txt.

    uv run --with-requirements requirements.txt python make_model.py
"""

import pickle
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

rows, species = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=1000).fit(rows, species)
Path(__file__).with_name("model.pkl").write_bytes(pickle.dumps(model, protocol=5))
print(model.predict([[5.1, 3.5, 1.4, 0.2]]))
