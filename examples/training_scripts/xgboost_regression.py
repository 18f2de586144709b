# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "mlflow>=3.13,<3.14",
#     "pandas",
#     "scikit-learn",
#     "xgboost",
# ]
# ///
"""Trains an XGBoost regressor that estimates the price of a house.

The validation error of each boosting round is logged, so that the run's history shows how the model learned.

Environment variables, all optional:
    N_SAMPLES      how many houses to make up        (default 2000)
    N_ESTIMATORS   how many boosting rounds at most  (default 200)
    LEARNING_RATE  how much each round may change    (default 0.1)

Run it on the platform:
    python examples/upload_training_script.py --script examples/training_scripts/xgboost_regression.py \
        --experiment house_prices --model price_estimator --requirements xgboost scikit-learn pandas
"""

import os

import mlflow
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost as xgb
from mlflow.models import infer_signature
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split

n_samples = int(os.getenv("N_SAMPLES", "2000"))
n_estimators = int(os.getenv("N_ESTIMATORS", "200"))
learning_rate = float(os.getenv("LEARNING_RATE", "0.1"))

print("Loading data...")
random = np.random.default_rng(42)
houses = pd.DataFrame(
    {
        "area": random.uniform(40, 300, n_samples),
        "rooms": random.integers(1, 9, n_samples).astype(float),
        "age": random.uniform(0, 100, n_samples),
        "distance": random.exponential(8, n_samples),
    }
)
prices = (
    2500 * houses["area"] + 8000 * houses["rooms"] - 900 * houses["age"] - 4000 * houses["distance"]
    + random.normal(0, 15000, n_samples)
)
X_train, X_test, y_train, y_test = train_test_split(houses, prices, test_size=0.2, random_state=42)

with mlflow.start_run():
    mlflow.log_params({"n_samples": n_samples, "n_estimators": n_estimators, "learning_rate": learning_rate})

    print(f"Training with {len(X_train)} samples...")
    model = xgb.XGBRegressor(
        n_estimators=n_estimators,
        learning_rate=learning_rate,
        max_depth=4,
        early_stopping_rounds=20,
        random_state=42,
    )
    model.fit(X_train, y_train, eval_set=[(X_test, y_test)], verbose=50)
    for step, error in enumerate(model.evals_result()["validation_0"]["rmse"]):
        if step % 10 == 0:
            mlflow.log_metric("validation_rmse", error, step=step)

    print("Evaluating model...")
    predicted = model.predict(X_test)
    metrics = {
        "rmse": root_mean_squared_error(y_test, predicted),
        "mae": mean_absolute_error(y_test, predicted),
        "r2": r2_score(y_test, predicted),
    }
    mlflow.log_metrics(metrics)

    print("Saving model...")
    mlflow.xgboost.log_model(
        model,
        name="model",
        signature=infer_signature(X_train, model.predict(X_train)),
        input_example=X_test.head(3),
    )

    print(f"✅ Complete! R²: {metrics['r2']:.3f}, mean error: {metrics['mae']:,.0f}")
