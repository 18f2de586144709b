"""The forest behind a bare FastAPI application."""

import os

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(os.environ["FOREST"])


class Question(BaseModel):
    inputs: list[list[float]]


@app.post("/predict")
def predict(question: Question):
    return {"predictions": model.predict(question.inputs).tolist()}
