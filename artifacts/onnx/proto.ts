import onnxProto from 'onnx-proto';

/** The generated protobuf classes. onnx-proto is CommonJS, so only its default import exists. */
export const { onnx } = onnxProto;
