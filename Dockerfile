# ganx on a GPU server. Build: docker build -t ganx .
# Run: docker run --rm --init --gpus all -v "$PWD:/data" ganx train photos --device cuda --out runs/photos
# Needs the NVIDIA driver 580 or newer and the NVIDIA Container Toolkit on the host.

# CUDA 13 and cuDNN 9, as the CUDA provider of onnxruntime 1.30 from PyPI wants them.
ARG CUDA_IMAGE=nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04

FROM node:22-bookworm-slim AS build
WORKDIR /ganx
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts
# Behind a mirror: --build-arg PIP_INDEX_URL=https://...
ARG PIP_INDEX_URL
RUN node dist/cli/main.js install-cuda

FROM ${CUDA_IMAGE}
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /ganx/package.json /ganx/package.json
COPY --from=build /ganx/node_modules /ganx/node_modules
COPY --from=build /ganx/training/data/digits /ganx/training/data/digits
COPY --from=build /ganx/dist /ganx/dist
WORKDIR /data
ENTRYPOINT ["node", "/ganx/dist/cli/main.js"]
CMD ["doctor"]
