# vLLM for NVIDIA GPUs on Ray, for vllm_app.py with `gpus: 1` and for `vllm serve` over several
# GPUs or nodes. Not run by us: we have no GPU.
#
# docker build -t westlake-vllm-gpu -f deploy/ray/gpu.Dockerfile deploy/ray
FROM vllm/vllm-openai:v0.33.0

ENV PYTHONPATH=/opt/vllm VLLM_NO_USAGE_STATS=1 RAY_USAGE_STATS_ENABLED=0
WORKDIR /opt/vllm
RUN pip install --no-cache-dir "ray[serve]==2.60.0"
COPY vllm_app.py serve.yaml ./
EXPOSE 8000
ENTRYPOINT []
CMD ["serve", "run", "serve.yaml"]
