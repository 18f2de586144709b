# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "lightgbm",
#     "mlflow>=3.13,<3.14",
#     "pandas",
#     "scikit-learn",
# ]
# ///
"""Trains a LightGBM classifier, all of it configured by environment variables.

Environment variables, all optional:
    DATA_PATH      a CSV file or URL with a column "target"; made up when absent
    N_SAMPLES      how many rows to make up          (default 2000)
    TEST_SIZE      which part is for the evaluation  (default 0.2)
    N_ESTIMATORS   how many boosting rounds          (default 100)
    LEARNING_RATE  how much each round may change    (default 0.1)
    NUM_LEAVES     how many leaves a tree may have   (default 31)

Run it on the platform:
    python examples/upload_training_script.py --script examples/training_scripts/lightgbm_classification.py \
        --experiment quality --model quality_classifier --requirements lightgbm scikit-learn pandas \
        --env N_ESTIMATORS=200 --env LEARNING_RATE=0.05
"""

import os
import time

import lightgbm as lgb
import mlflow
import mlflow.lightgbm
import pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import make_classification
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

data_path = os.getenv("DATA_PATH")
n_samples = int(os.getenv("N_SAMPLES", "2000"))
test_size = float(os.getenv("TEST_SIZE", "0.2"))
n_estimators = int(os.getenv("N_ESTIMATORS", "100"))
learning_rate = float(os.getenv("LEARNING_RATE", "0.1"))
num_leaves = int(os.getenv("NUM_LEAVES", "31"))


def load_data():
    """Returns the features as a frame and the target as a series."""
    if data_path:
        try:
            data = pd.read_csv(data_path)
        except Exception as error:
            print(f"Error loading data: {error}")
            raise
        return data.drop(columns="target"), data["target"]
    features, target = make_classification(
        n_samples=n_samples, n_features=12, n_informative=6, n_classes=3, random_state=42
    )
    columns = [f"measure_{number}" for number in range(features.shape[1])]
    return pd.DataFrame(features, columns=columns), pd.Series(target, name="target")


print("Loading data...")
X, y = load_data()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=test_size, random_state=42, stratify=y)

with mlflow.start_run():
    mlflow.log_params(
        {
            "data_path": data_path or "made up",
            "test_size": test_size,
            "n_estimators": n_estimators,
            "learning_rate": learning_rate,
            "num_leaves": num_leaves,
        }
    )

    print(f"Training with {len(X_train)} samples, {n_estimators} rounds at a learning rate of {learning_rate}...")
    begin = time.monotonic()
    model = lgb.LGBMClassifier(
        n_estimators=n_estimators,
        learning_rate=learning_rate,
        num_leaves=num_leaves,
        random_state=42,
        verbosity=-1,
    )
    model.fit(X_train, y_train)

    print("Evaluating model...")
    metrics = {
        "accuracy": accuracy_score(y_test, model.predict(X_test)),
        "log_loss": log_loss(y_test, model.predict_proba(X_test)),
        "training_time": time.monotonic() - begin,
    }
    mlflow.log_metrics(metrics)

    print("Saving model...")
    mlflow.lightgbm.log_model(
        model,
        name="model",
        signature=infer_signature(X_train, model.predict(X_train)),
        input_example=X_test.head(3),
    )

    print(f"✅ Complete! Accuracy: {metrics['accuracy']:.3f}")
