//! A lane keeps one worker alive and feeds it requests.

use super::{
    RETRY_AFTER, Shared, Status,
    queue::{Job, merged},
    worker::{StartFailure, Worker},
};
use crate::{
    engine::{Asked, Problem, Ready},
    inputs::{bind, request},
    outputs::Outputs,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::time::{Duration, Instant};

/// How often a process that ends while it loads the model is started anew before the lane gives up.
const START_ATTEMPTS: u32 = 3;
/// The longest that loading may take.
const LOAD_LIMIT: Duration = Duration::from_secs(600);
/// The longest that warming up may take.
const WARM_UP_LIMIT: Duration = Duration::from_secs(30);

/// Runs all lanes: the first at once, the others once it is known how many pay. `workers` as configured, if it is.
pub async fn all(shared: Arc<Shared>, workers: Option<usize>, cpus: usize) {
    let live = Arc::new(AtomicUsize::new(0));
    let first = tokio::spawn(run(Arc::clone(&shared), Arc::clone(&live)));
    let mut status = shared.status.subscribe();
    let Ok(ready) = status.wait_for(|status| matches!(status, Status::Ready(_))).await.map(|status| status.clone()) else { return };
    let Status::Ready(ready) = ready else { return };
    // Where requests share a call, one worker answers many at once; further ones would cost memory and gain little.
    let sharing = shared.merge && ready.independent_rows;
    let count = workers.unwrap_or(if sharing { 1 } else { cpus });
    for _ in 1..count {
        tokio::spawn(run(Arc::clone(&shared), Arc::clone(&live)));
    }
    let _ = first.await;
}

/// Runs one lane until the model proves impossible to load.
async fn run(shared: Arc<Shared>, live: Arc<AtomicUsize>) {
    loop {
        let (mut worker, ready) = match start(&shared).await {
            Ok(started) => started,
            Err(failure) => {
                let (reason, retry_at) = match failure {
                    StartFailure::Load(reason) => (reason, None),
                    StartFailure::Process(reason) => (reason, Some(Instant::now() + RETRY_AFTER)),
                };
                tracing::error!("the model cannot be loaded: {reason}");
                let again = shared.retry.notified();
                if live.load(Ordering::SeqCst) == 0 {
                    let reason = format!("The model cannot be loaded: {reason}");
                    shared.status.send_replace(Status::Failed { reason: reason.clone(), retry_at });
                    shared.queue.refuse_all(&Problem::Unavailable(reason));
                }
                if retry_at.is_none() {
                    return;
                }
                again.await;
                continue;
            }
        };
        let ready = Arc::new(ready);
        if shared.queue.is_empty() {
            warm_up(&shared, &mut worker, &ready).await;
        }
        live.fetch_add(1, Ordering::SeqCst);
        shared.status.send_replace(Status::Ready(Arc::clone(&ready)));
        let reason = serve(&shared, &mut worker, shared.merge && ready.independent_rows).await;
        live.fetch_sub(1, Ordering::SeqCst);
        tracing::warn!("the model's process ended ({reason}) and is started anew");
    }
}

/// Starts a worker, the cheap way first, and a few times where the process itself ends.
async fn start(shared: &Shared) -> Result<(Worker, Ready), StartFailure> {
    let mut attempt = 1;
    let mut cheap = true;
    loop {
        let began = Instant::now();
        match Worker::start(&shared.recipe, cheap, LOAD_LIMIT).await {
            Ok((worker, ready)) => {
                tracing::info!(
                    loader = ready.loader,
                    milliseconds = began.elapsed().as_millis() as u64,
                    modules = ready.modules,
                    "the model is loaded"
                );
                return Ok((worker, ready));
            }
            Err(StartFailure::Load(reason)) if cheap => {
                tracing::debug!("loading with fewer imports failed ({reason}), loading with all");
                cheap = false;
            }
            Err(StartFailure::Process(reason)) if attempt < START_ATTEMPTS => {
                tracing::warn!("start {attempt} of the model's process failed: {reason}");
                attempt += 1;
                cheap = false;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Predicts the model's own example once, so that the first caller does not pay for what a first prediction sets up.
async fn warm_up(shared: &Shared, worker: &mut Worker, ready: &Ready) {
    let Some(example) = &shared.example else { return };
    let bound = request::parse(example).and_then(|request| bind::bind(request.inputs, &shared.served.signature, ready));
    let problem = match bound {
        Ok(batch) => match worker.predict(&batch, Asked::default(), Instant::now() + WARM_UP_LIMIT).await {
            Ok(Ok(_)) => return,
            Ok(Err(problem)) | Err(problem) => problem.to_string(),
        },
        Err(failure) => failure.detail,
    };
    tracing::warn!("the model's own example does not predict: {problem}");
}

/// Feeds requests to the worker until it ends; gives the reason.
async fn serve(shared: &Shared, worker: &mut Worker, merge: bool) -> String {
    loop {
        let jobs = tokio::select! {
            biased;
            reason = worker.ended() => return reason,
            jobs = shared.queue.take(merge) => jobs,
        };
        if jobs.len() > 1 {
            if let Err(reason) = together(shared, worker, jobs).await {
                return reason;
            }
            continue;
        }
        for job in jobs {
            let Job { batch, asked, deadline, reply, .. } = job;
            match worker.predict(&batch, asked, deadline).await {
                // A caller that has gone away does not want its answer.
                Ok(answer) => drop(reply.send(answer)),
                Err(problem) => {
                    let reason = problem.to_string();
                    drop(reply.send(Err(problem)));
                    return reason;
                }
            }
        }
    }
}

/// Predicts several requests in one call. Where that fails, each goes back to run alone, so that none suffers for another.
async fn together(shared: &Shared, worker: &mut Worker, jobs: Vec<Job>) -> Result<(), String> {
    let Some(batch) = merged(&jobs) else {
        shared.queue.put_back(jobs);
        return Ok(());
    };
    let deadline = jobs.iter().map(|job| job.deadline).min().unwrap_or_else(Instant::now);
    let lengths: Vec<usize> = jobs.iter().map(|job| job.batch.rows).collect();
    let answer = worker.predict(&batch, jobs[0].asked, deadline).await;
    let ended = answer.as_ref().err().map(ToString::to_string);
    match answer.and_then(|answer| answer).ok().and_then(|outputs| Outputs::split(outputs, &lengths)) {
        Some(parts) => jobs.into_iter().zip(parts).for_each(|(job, part)| drop(job.reply.send(Ok(part)))),
        None => shared.queue.put_back(jobs),
    }
    ended.map_or(Ok(()), Err)
}
