//! The state machines: started and stopped by job, so that a job runs once however often it is started.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{DisplayErrorContext, SdkError};
use aws_sdk_sfn::operation::start_execution::StartExecutionError;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;

use crate::config::{self, Config};
use crate::domain::event::Event;
use crate::domain::job::{Job, JobKind};
use crate::{Error, Result};

/// The platform's state machines.
#[derive(Debug, Clone)]
pub struct StateMachines {
    client: Client,
    config: Config,
}

/// How the execution of a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Execution {
    /// It was never started.
    Missing,
    /// It runs.
    Running,
    /// It ended, well or not.
    Ended {
        /// Step Functions' status, for example `FAILED` or `TIMED_OUT`.
        status: String,
        /// The cause that Step Functions knows.
        cause: Option<String>,
    },
}

impl StateMachines {
    /// The state machines that the environment names.
    pub fn new(client: Client, config: Config) -> Self {
        Self { client, config }
    }

    fn machine(&self, kind: JobKind) -> Result<String> {
        self.config.get(match kind {
            JobKind::Training => config::TRAIN_STATE_MACHINE_ARN,
            JobKind::Deployment | JobKind::Configuration | JobKind::StagedDeployment | JobKind::Drift | JobKind::Export => {
                config::DEPLOY_STATE_MACHINE_ARN
            }
        })
    }

    fn execution_arn(&self, kind: JobKind, name: &str) -> Result<String> {
        Ok(format!("{}:{name}", self.machine(kind)?.replacen(":stateMachine:", ":execution:", 1)))
    }

    /// Starts a job's execution; starting it again changes nothing.
    ///
    /// # Errors
    /// `Internal` when Step Functions does not take it.
    pub async fn start(&self, job: &Job) -> Result<()> {
        let mut input = json!({ "job_id": job.id, "train": job.script.is_some() });
        match job.kind {
            JobKind::Configuration => input["configure"] = json!(true),
            JobKind::Drift => input["analyse"] = json!("drift"),
            JobKind::Export => input["analyse"] = json!("export"),
            JobKind::Training | JobKind::Deployment | JobKind::StagedDeployment => {}
        }
        let input = input.to_string();
        let request = self.client.start_execution().state_machine_arn(self.machine(job.kind)?).name(job.execution_name()).input(input);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if matches!(error.err(), StartExecutionError::ExecutionAlreadyExists(_)) => Ok(()),
            Err(error) => Err(Error::internal(format!("starting job {}", job.id), DisplayErrorContext(error).to_string())),
        }
    }

    /// That the state machine which deploys is there, for health checks.
    ///
    /// # Errors
    /// `Internal` when it is not, or Step Functions does not answer.
    pub async fn check(&self) -> Result<()> {
        let request = self.client.describe_state_machine().state_machine_arn(self.machine(JobKind::Deployment)?);
        let described = request.send().await;
        described.map(drop).map_err(|error| Error::internal("describing the state machine", DisplayErrorContext(error).to_string()))
    }

    /// Starts the execution that tells webhooks of an event; starting it again changes nothing.
    ///
    /// # Errors
    /// `Internal` when Step Functions does not take it.
    pub async fn deliver(&self, event: &Event) -> Result<()> {
        self.deliver_as(&event.id, event.execution_name()).await
    }

    /// As [`StateMachines::deliver`], for an event that was written just now.
    ///
    /// # Errors
    /// As there.
    pub async fn deliver_new(&self, event_id: &str) -> Result<()> {
        self.deliver_as(event_id, event_id.to_owned()).await
    }

    async fn deliver_as(&self, event_id: &str, name: String) -> Result<()> {
        let machine = self.config.get(config::WEBHOOK_STATE_MACHINE_ARN)?;
        let input = json!({ "event_id": event_id }).to_string();
        match self.client.start_execution().state_machine_arn(machine).name(name).input(input).send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if matches!(error.err(), StartExecutionError::ExecutionAlreadyExists(_)) => Ok(()),
            Err(error) => Err(Error::internal(format!("delivering event {event_id}"), DisplayErrorContext(error).to_string())),
        }
    }

    /// How the execution stands that tells webhooks of an event.
    ///
    /// # Errors
    /// `Internal` when Step Functions does not answer.
    pub async fn delivery(&self, event: &Event) -> Result<Execution> {
        let machine = self.config.get(config::WEBHOOK_STATE_MACHINE_ARN)?;
        let arn = format!("{}:{}", machine.replacen(":stateMachine:", ":execution:", 1), event.execution_name());
        self.describe(arn).await
    }

    /// Stops a job's execution and the training that it may nest; one that has ended or never began is no error.
    ///
    /// # Errors
    /// `Internal` when Step Functions does not answer.
    pub async fn stop(&self, job: &Job, cause: &str) -> Result<()> {
        let mut executions = vec![self.execution_arn(job.kind, job.execution_name())?];
        if job.kind == JobKind::Deployment && job.script.is_some() {
            executions.push(self.execution_arn(JobKind::Training, &job.nested_training_name())?);
        }
        for arn in executions {
            let request = self.client.stop_execution().execution_arn(arn).error("Cancelled").cause(cause);
            match request.send().await {
                Ok(_) => {}
                Err(SdkError::ServiceError(error)) if error.err().is_execution_does_not_exist() => {}
                Err(error) => {
                    return Err(Error::internal(format!("stopping job {}", job.id), DisplayErrorContext(error).to_string()));
                }
            }
        }
        Ok(())
    }

    /// How a job's execution stands.
    ///
    /// # Errors
    /// `Internal` when Step Functions does not answer.
    pub async fn execution(&self, job: &Job) -> Result<Execution> {
        self.describe(self.execution_arn(job.kind, job.execution_name())?).await
    }

    async fn describe(&self, arn: String) -> Result<Execution> {
        let asked = arn.clone();
        match self.client.describe_execution().execution_arn(arn).send().await {
            Ok(output) if matches!(output.status(), ExecutionStatus::Running | ExecutionStatus::PendingRedrive) => Ok(Execution::Running),
            Ok(output) => Ok(Execution::Ended { status: output.status().as_str().to_owned(), cause: output.cause().map(str::to_owned) }),
            Err(SdkError::ServiceError(error)) if error.err().is_execution_does_not_exist() => Ok(Execution::Missing),
            Err(error) => Err(Error::internal(format!("describing the execution {asked}"), DisplayErrorContext(error).to_string())),
        }
    }
}
