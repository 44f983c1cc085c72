"""The property names, usage counters and reason keys of the Golem standards that this project uses.

Source: the Golem property standards and what published providers and clients send. Names that end in
``?`` are negotiable by custom; the question mark is part of the name.
"""

from __future__ import annotations

from typing import Final

# -- the node ----------------------------------------------------------------------------------------------
NODE_NAME: Final = "golem.node.id.name"
SUBNET: Final = "golem.node.debug.subnet"
NET_IS_PUBLIC: Final = "golem.node.net.is-public"

# -- what a provider has -----------------------------------------------------------------------------------
CPU_ARCHITECTURE: Final = "golem.inf.cpu.architecture"
CPU_CORES: Final = "golem.inf.cpu.cores"
CPU_THREADS: Final = "golem.inf.cpu.threads"
CPU_VENDOR: Final = "golem.inf.cpu.vendor"
CPU_BRAND: Final = "golem.inf.cpu.brand"
CPU_MODEL: Final = "golem.inf.cpu.model"
CPU_CAPABILITIES: Final = "golem.inf.cpu.capabilities"
MEMORY_GIB: Final = "golem.inf.mem.gib"
STORAGE_GIB: Final = "golem.inf.storage.gib"
RUNTIME_NAME: Final = "golem.runtime.name"
RUNTIME_VERSION: Final = "golem.runtime.version"
RUNTIME_CAPABILITIES: Final = "golem.runtime.capabilities"
# Ours: how strong the wall around a task is (hardware, container, user-container, emulated).
RUNTIME_ISOLATION: Final = "golem.runtime.isolation"
TRANSFER_PROTOCOLS: Final = "golem.activity.caps.transfer.protocol"
TELLS_TRANSFER: Final = "golem.activity.caps.transfer.report-progress"
TELLS_DEPLOY: Final = "golem.activity.caps.deploy.report-progress"
MULTI_ACTIVITY: Final = "golem.srv.caps.multi-activity"
TAKES_MANIFESTS: Final = "golem.srv.caps.payload-manifest"

# -- what a requestor wants --------------------------------------------------------------------------------
EXPIRATION: Final = "golem.srv.comp.expiration"
TASK_PACKAGE: Final = "golem.srv.comp.task_package"
PACKAGE_FORMAT: Final = "golem.srv.comp.vm.package_format"
PAYLOAD_MANIFEST: Final = "golem.srv.comp.payload"
MANIFEST_SIGNATURE: Final = "golem.srv.comp.payload.sig"
MANIFEST_SIGNATURE_ALGORITHM: Final = "golem.srv.comp.payload.sig.algorithm"
MANIFEST_CERTIFICATE: Final = "golem.srv.comp.payload.cert"
# The part of a manifest that is about commands and networks, where it stands flat in the demand.
COMPUTATION_MANIFEST: Final = "golem.srv.comp.manifest"
# A requestor's passport: signed by a partner of the network, it says what its node may do.
NODE_DESCRIPTOR: Final = "golem.!exp.gap-31.v0.node.descriptor"

# -- money -------------------------------------------------------------------------------------------------
SCHEME: Final = "golem.com.scheme"
DEBIT_NOTE_INTERVAL_S: Final = "golem.com.scheme.payu.debit-note.interval-sec?"
PAYMENT_TIMEOUT_S: Final = "golem.com.scheme.payu.payment-timeout-sec?"
ACCEPT_TIMEOUT_S: Final = "golem.com.payment.debit-notes.accept-timeout?"
PRICING_MODEL: Final = "golem.com.pricing.model"
LINEAR_COEFFICIENTS: Final = "golem.com.pricing.model.linear.coeffs"
USAGE_VECTOR: Final = "golem.com.usage.vector"
CHOSEN_PLATFORM: Final = "golem.com.payment.chosen-platform"
PAYMENT_PROTOCOL_VERSION: Final = "golem.com.payment.protocol.version"

# -- usage counters ----------------------------------------------------------------------------------------
DURATION_COUNTER: Final = "golem.usage.duration_sec"
CPU_COUNTER: Final = "golem.usage.cpu_sec"
MEMORY_COUNTER: Final = "golem.usage.gib"
STORAGE_COUNTER: Final = "golem.usage.storage_gib"

# -- keys of reasons ---------------------------------------------------------------------------------------
REASON_MESSAGE: Final = "message"
REQUESTOR_CODE: Final = "golem.requestor.code"
PROVIDER_CODE: Final = "golem.provider.code"
REJECTION_IS_FINAL: Final = "golem.proposal.rejection.is-final"


def platform_address(platform: str) -> str:
    """The property that holds a node's address on a payment platform such as ``erc20-holesky-tglm``."""
    return f"golem.com.payment.platform.{platform}.address"
