//! What changes under another law, and what is counted.
