# The demo on a CPU: docker build -t face-sr . && docker run face-sr
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /project
COPY . .
# Give a package index with CPU builds of PyTorch to spare 4 GB: docker build --build-arg TORCH_INDEX=URL
ARG TORCH_INDEX=
RUN make environment TORCH_INDEX=$TORCH_INDEX
CMD ["make", "repro"]
