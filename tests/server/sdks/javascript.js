// A JavaScript program with a model call inside a step; prints its trace id.
const { BasicTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { trace, context, ROOT_CONTEXT } = require("@opentelemetry/api");

const exporter = new OTLPTraceExporter({
  url: process.env.ENDPOINT,
  headers: { "x-agentops-api-key": process.env.KEY },
});
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer("program", "1.0");

const step = tracer.startSpan("step", { root: true });
const inside = trace.setSpan(ROOT_CONTEXT, step);
const attributes = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai",
  "gen_ai.request.model": "gpt-4o-mini",
  "gen_ai.usage.input_tokens": 10,
  "gen_ai.usage.output_tokens": 5,
  "gen_ai.response.finish_reasons": ["stop"],
};
tracer.startSpan("chat gpt-4o-mini", { kind: 2, attributes }, inside).end();
step.end();
provider.shutdown().then(() => console.log(step.spanContext().traceId));
