"""The forest as a BentoML service."""

import os

import bentoml
import joblib


@bentoml.service
class Forest:
    def __init__(self):
        self.model = joblib.load(os.environ["FOREST"])

    @bentoml.api
    def predict(self, inputs: list[list[float]]) -> dict:
        return {"predictions": self.model.predict(inputs).tolist()}
