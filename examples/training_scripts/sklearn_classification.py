# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "mlflow>=3.13,<3.14",
#     "pandas",
#     "scikit-learn",
# ]
# ///
"""Trains a random forest that tells which customers will leave.

Environment variables, all optional:
    N_SAMPLES     how many customers to make up      (default 1000)
    N_ESTIMATORS  how many trees the forest has      (default 100)
    MAX_DEPTH     how deep a tree may be             (default 10)

Run it on the platform:
    python examples/upload_training_script.py --script examples/training_scripts/sklearn_classification.py \
        --experiment customer_churn --model churn_predictor --requirements scikit-learn pandas
"""

import os

import mlflow
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.model_selection import train_test_split

n_samples = int(os.getenv("N_SAMPLES", "1000"))
n_estimators = int(os.getenv("N_ESTIMATORS", "100"))
max_depth = int(os.getenv("MAX_DEPTH", "10"))

print("Loading data...")
features, left = make_classification(n_samples=n_samples, n_features=20, n_informative=8, random_state=42)
features = pd.DataFrame(features, columns=[f"feature_{number}" for number in range(features.shape[1])])
X_train, X_test, y_train, y_test = train_test_split(features, left, test_size=0.2, random_state=42)

with mlflow.start_run():
    mlflow.log_params({"n_samples": n_samples, "n_estimators": n_estimators, "max_depth": max_depth})

    print(f"Training with {len(X_train)} samples...")
    model = RandomForestClassifier(n_estimators=n_estimators, max_depth=max_depth, random_state=42)
    model.fit(X_train, y_train)

    print("Evaluating model...")
    predicted = model.predict(X_test)
    metrics = {
        "accuracy": accuracy_score(y_test, predicted),
        "precision": precision_score(y_test, predicted),
        "recall": recall_score(y_test, predicted),
        "f1_score": f1_score(y_test, predicted),
    }
    mlflow.log_metrics(metrics)

    print("Saving model...")
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(X_train, model.predict(X_train)),
        input_example=X_test.head(3),
    )

    print(f"✅ Complete! Accuracy: {metrics['accuracy']:.3f}")
