#![allow(clippy::unwrap_used)]

use super::*;

fn settings() -> Settings {
    Settings { stack_name: "demo".into(), region: "eu-west-1".into(), api_url: "http://localhost:8000".into() }
}

fn read_text(text: &str) -> Result<Template, Refusal> {
    read(text, Path::new("/project"), &settings(), &BTreeMap::new(), Duration::from_secs(30))
}

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage:
    Type: String
    Default: laptop
Conditions:
  IsLaptop: !Equals [!Ref Stage, laptop]
  IsNotLaptop: !Not [!Condition IsLaptop]
Globals:
  Function:
    Runtime: provided.al2023
    Timeout: 10
    Environment:
      Variables:
        TABLE: !Ref Table
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: ["*"]
        AllowMethods: [GET]
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
  Bucket:
    Type: AWS::S3::Bucket
  OnlyOnAws:
    Type: AWS::S3::Bucket
    Condition: IsNotLaptop
  Health:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/web/
      Handler: health
      Policies:
        - Statement: {Effect: Allow, Action: "lambda:InvokeFunction", Resource: !Sub "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:demo-*"}
      MemorySize: !If [IsLaptop, 256, 128]
      Environment:
        Variables:
          URL: !GetAtt Api.ApiEndpoint
          SELF: !Sub "${AWS::StackName}/${Table.Arn}/${!literal}"
          ROLE: !GetAtt HealthRole.Arn
          NAME:
            Fn::Join: ["-", [a, !Ref Bucket]]
      Events:
        Get:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: get, Path: /health}
        Tick:
          Type: Schedule
          Properties: {Schedule: rate(5 minutes)}
  HealthPermission:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Health, Action: "lambda:InvokeFunction", Principal: "*"}
Outputs:
  Url:
    Value: !GetAtt Api.ApiEndpoint
"#;

#[test]
fn a_template_is_read_and_resolved() {
    let template = read_text(TEMPLATE).unwrap();
    let function = &template.functions[0];
    assert_eq!(function.name, "demo-Health");
    assert_eq!(function.program, "web");
    assert_eq!(function.task_root, Path::new("/project/target/lambda/web"));
    assert_eq!((function.timeout, function.memory_size), (10, 256));
    assert_eq!(function.environment["TABLE"], "demo-Table");
    assert_eq!(function.environment["URL"], "http://localhost:8000");
    assert_eq!(function.environment["SELF"], "demo/arn:aws:dynamodb:eu-west-1:000000000000:table/demo-Table/${literal}");
    assert_eq!(function.environment["ROLE"], "arn:aws:iam::000000000000:role/demo-HealthRole");
    assert_eq!(function.environment["NAME"], "a-demo-bucket");
    assert_eq!(function.routes[0].method, "GET");
    assert_eq!(function.schedules[0].every, Duration::from_secs(300));
    assert_eq!(template.buckets, ["demo-bucket"]);
    assert_eq!(template.tables[0].time_to_live.as_deref(), Some("expires"));
    assert_eq!(template.api.unwrap().cors.unwrap().allow_methods, ["GET"]);
    assert_eq!(template.outputs["Url"], "http://localhost:8000");
}

#[test]
fn an_unknown_resource_is_refused_with_its_line() {
    let refusal = read_text("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n").unwrap_err();
    assert_eq!(refusal, Refusal::new(3, "the laptop cloud has no AWS::SQS::Queue (Queue)"));
}

#[test]
fn a_property_that_cannot_be_honoured_is_refused_with_its_line() {
    let text = TEMPLATE.replace("      Handler: health\n", "      Handler: health\n      VpcConfig: {SubnetIds: [a]}\n");
    let refusal = read_text(&text).unwrap_err();
    assert!(refusal.message.contains("VpcConfig"), "{}", refusal.message);
    assert_eq!(text.lines().nth(refusal.line - 1).unwrap().trim(), "VpcConfig: {SubnetIds: [a]}");
}

#[test]
fn a_reference_to_nothing_is_refused_with_its_line() {
    let text = TEMPLATE.replace("!Ref Bucket", "!Ref Bukket");
    let refusal = read_text(&text).unwrap_err();
    assert!(refusal.message.contains("Bukket"), "{}", refusal.message);
    assert!(text.lines().nth(refusal.line - 1).unwrap().contains("Bukket"));
}

#[test]
fn names_that_refer_to_each_other_in_a_circle_are_refused() {
    let text = "Resources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: !Ref B}\n  B:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: !Ref A}\n";
    assert!(read_text(text).unwrap_err().message.contains("circle"));
}

#[test]
fn parameters_can_be_overridden_and_are_checked() {
    let overrides = BTreeMap::from([("Stage".to_owned(), "aws".to_owned())]);
    let template = read(TEMPLATE, Path::new("/p"), &settings(), &overrides, Duration::from_secs(30)).unwrap();
    assert_eq!(template.functions[0].memory_size, 128);
    assert_eq!(template.buckets.len(), 2);
    let unknown = BTreeMap::from([("Nothing".to_owned(), String::new())]);
    assert!(read(TEMPLATE, Path::new("/p"), &settings(), &unknown, Duration::from_secs(30)).is_err());
}

#[test]
fn the_same_route_twice_is_refused() {
    let text = TEMPLATE.replace(
        "        Tick:\n          Type: Schedule\n          Properties: {Schedule: rate(5 minutes)}",
        "        Again:\n          Type: HttpApi\n          Properties: {ApiId: !Ref Api, Method: GET, Path: /health}",
    );
    assert!(read_text(&text).unwrap_err().message.contains("already"));
}

/// [`TEMPLATE`] with its route in the API's definition.
fn with_definition(integration: &str) -> String {
    let definition = format!(
        "        AllowMethods: [GET]\n      DefinitionBody:\n        openapi: 3.0.1\n        info: {{title: demo, version: \"1\"}}\n        paths:\n          \
         \"/items/{{id}}\":\n            get: {{x-amazon-apigateway-integration: {integration}}}\n"
    );
    TEMPLATE.replace("        AllowMethods: [GET]\n", &definition)
}

const INTEGRATION: &str = "{type: aws_proxy, httpMethod: POST, payloadFormatVersion: \"2.0\", credentials: !GetAtt HealthRole.Arn, uri: !Sub \
                           \"arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Health.Arn}/invocations\"}";

#[test]
fn routes_of_the_apis_definition_are_the_functions_that_they_name() {
    let template = read_text(&with_definition(INTEGRATION)).unwrap();
    let routes: Vec<_> = template.functions[0].routes.iter().map(|route| (route.method.as_str(), route.path.as_str())).collect();
    assert_eq!(routes, [("GET", "/health"), ("GET", "/items/{id}")]);
}

#[test]
fn a_definition_that_cannot_be_honoured_is_refused_with_its_line() {
    for (from, to, expected) in [
        ("aws_proxy", "http_proxy", "type"),
        ("\"2.0\"", "\"1.0\"", "payloadFormatVersion"),
        ("/invocations", "", "is not …/functions/"),
        ("credentials:", "tlsConfig: {}, credentials:", "tlsConfig"),
    ] {
        let text = with_definition(&INTEGRATION.replace(from, to));
        let refusal = read_text(&text).unwrap_err();
        assert!(refusal.message.contains(expected), "{}", refusal.message);
        assert!(text.lines().nth(refusal.line - 1).unwrap().contains("x-amazon-apigateway-integration"), "{}", refusal.message);
    }
    let forbidden = with_definition(INTEGRATION).replace("function:demo-*", "function:other-*");
    let refusal = read_text(&forbidden).unwrap_err();
    let expected = "the API's route GET /items/{id} may not lambda:InvokeFunction on \
                    arn:aws:lambda:eu-west-1:000000000000:function:demo-Health: its role Health does not allow it";
    assert_eq!(refusal.message, expected);
    let elsewhere = with_definition(&INTEGRATION.replace("${Health.Arn}", "arn:aws:lambda:eu-west-1:000000000000:function:other"));
    assert!(read_text(&elsewhere).unwrap_err().message.contains("other is not a function of this template"));
}
