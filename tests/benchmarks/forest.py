"""The model that every contestant serves: a random forest of 100 trees over 20 features.

It is also the training script of the deployment, so it is one file and needs nothing of this folder.
"""

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

ROWS, FEATURES, TREES = 2000, 20, 100


def data():
    """Features and labels, the same on every run."""
    return make_classification(n_samples=ROWS, n_features=FEATURES, n_informative=10, n_classes=3, random_state=0)


def fit():
    """The forest, the same on every run with the same scikit-learn."""
    features, labels = data()
    return RandomForestClassifier(n_estimators=TREES, random_state=0).fit(features, labels)


if __name__ == "__main__":
    import mlflow
    import mlflow.sklearn

    with mlflow.start_run():
        mlflow.sklearn.log_model(fit(), name="model", input_example=data()[0][:1])
